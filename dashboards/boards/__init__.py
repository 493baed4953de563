"""The boards, one module each; `dashboards.build` knows them all."""
