-- Roles belong to the server, not to the database: they may be there already. They cannot log in:
-- a connector logs in as itself and takes one of them for a single transaction.
do $$ begin create role support_reader nologin; exception when duplicate_object then null; end $$;
do $$ begin create role payroll_reader nologin; exception when duplicate_object then null; end $$;
do $$ begin create role refund_clerk nologin; exception when duplicate_object then null; end $$;
do $$ begin create role payroll_clerk nologin; exception when duplicate_object then null; end $$;
do $$ begin create role support_analyst nologin; exception when duplicate_object then null; end $$;
do $$ begin create role invoice_clerk nologin; exception when duplicate_object then null; end $$;
do $$ begin create role page_reader nologin; exception when duplicate_object then null; end $$;
grant support_analyst, support_reader, payroll_reader, refund_clerk, payroll_clerk, invoice_clerk,
  page_reader
  to current_user;
