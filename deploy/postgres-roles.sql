-- Roles for a gateway on PostgreSQL: one that owns the tables and brings them up to date, one that runs.
--
-- The gateway that runs cannot change or delete what was written down for good: movements, postings, the lines of the
-- book, approvals, the audit. Triggers refuse it to everybody for postings and the audit; with these roles nobody who
-- takes over the gateway can drop the triggers either.
--
-- Run it as a superuser, in the gateway's database, after the first `lastunit gateway migrate`, and again after each
-- later one:
--
--     psql -v ON_ERROR_STOP=1 -d lastunit -f postgres-roles.sql
--
-- `lastunit_owner` is whoever ran `migrate`; give both a password or another way in:
--
--     ALTER ROLE lastunit_gateway PASSWORD '...';
--
-- Then run the gateway as lastunit_gateway, and `lastunit gateway migrate` as the owner of the tables.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'lastunit_gateway') THEN
        CREATE ROLE lastunit_gateway LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
END
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM lastunit_gateway;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO lastunit_gateway;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO lastunit_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO lastunit_gateway;

-- Written down for good.
REVOKE UPDATE, DELETE, TRUNCATE ON movement, posting, book_line, approval, audit, fleet_event FROM lastunit_gateway;

-- Which revision the tables are of is the owner's to say.
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM lastunit_gateway;
