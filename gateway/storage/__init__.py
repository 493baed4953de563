"""Where the gateway keeps what it must not forget: tables, engines, migrations, leases."""
