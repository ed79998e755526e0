-- The second fence. It does not trust the first: whatever reaches the database under one of these
-- roles reads nothing unless a human, an agent and a workflow stand behind it.

create index invoices_by_customer on invoices (customer_id, issued_on desc);
create index payments_by_customer on payments (customer_id, paid_on desc);

-- True inside a transaction for which a Postern connector has named the three principals.
create function governed() returns boolean language sql stable as $$
  select coalesce(current_setting('postern.human', true), '') <> ''
     and coalesce(current_setting('postern.agent', true), '') <> ''
     and coalesce(current_setting('postern.workflow', true), '') like 'wf\_%'
$$;

alter table customers enable row level security;
alter table invoices enable row level security;
alter table payments enable row level security;
alter table payroll enable row level security;

create policy support_customers on customers for select to support_reader using (governed());
create policy support_invoices on invoices for select to support_reader using (governed());
create policy support_payments on payments for select to support_reader using (governed());
create policy payroll_months on payroll for select to payroll_reader using (governed());

-- Column grants: support may look a customer up by e-mail address, but never sees a customer's own
-- card or bank account.
grant select (id, name, email, phone, address, plan, since) on customers to support_reader;
grant select on invoices, payments to support_reader;
grant select on payroll to payroll_reader;
