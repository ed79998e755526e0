-- The second fence. It does not trust the first: whatever reaches the database under one of these
-- roles reads nothing unless a human, an agent and a workflow stand behind it.

create index invoices_by_customer on acme.invoices (customer_id, issued_on desc);
create index payments_by_customer on acme.payments (customer_id, paid_on desc);

-- True inside a transaction for which a Postern connector has named the three principals.
create function acme.governed() returns boolean language sql stable as $$
  select coalesce(current_setting('postern.human', true), '') <> ''
     and coalesce(current_setting('postern.agent', true), '') <> ''
     and coalesce(current_setting('postern.workflow', true), '') like 'wf\_%'
$$;

alter table acme.customers enable row level security;
alter table acme.invoices enable row level security;
alter table acme.payments enable row level security;
alter table acme.payroll enable row level security;

create policy support_customers on acme.customers for select to support_reader using (acme.governed());
create policy support_invoices on acme.invoices for select to support_reader using (acme.governed());
create policy support_payments on acme.payments for select to support_reader using (acme.governed());
create policy payroll_months on acme.payroll for select to payroll_reader using (acme.governed());

grant usage on schema acme to support_reader, payroll_reader;

-- Column grants: support may look a customer up by e-mail address, but never sees a customer's own
-- card or bank account.
grant select (id, name, email, phone, address, plan, since) on acme.customers to support_reader;
grant select on acme.invoices, acme.payments to support_reader;
grant select on acme.payroll to payroll_reader;

-- Those who change something may change that one column, and see what they need to name the row.
create policy refunds_seen on acme.invoices for select to refund_clerk using (acme.governed());
create policy refunds_made on acme.invoices for update to refund_clerk using (acme.governed());
create policy salaries_seen on acme.payroll for select to payroll_clerk using (acme.governed());
create policy salaries_set on acme.payroll for update to payroll_clerk using (acme.governed());
grant usage on schema acme to refund_clerk, payroll_clerk;
grant select (id, status, total_cents, refunded_cents) on acme.invoices to refund_clerk;
grant update (refunded_cents) on acme.invoices to refund_clerk;
grant select (id, employee, month, gross_cents, net_cents) on acme.payroll to payroll_clerk;
grant update (gross_cents) on acme.payroll to payroll_clerk;

-- Who writes queries of their own is kept from what a query cannot be asked about: rows before a
-- court, and every column with a class that an agent of support may not see.
create policy analyst_customers on acme.customers for select to support_analyst using (acme.governed());
create policy analyst_invoices on acme.invoices for select to support_analyst
  using (acme.governed() and status <> 'litigation');
create policy analyst_payments on acme.payments for select to support_analyst using (acme.governed());
grant usage on schema acme to support_analyst;
grant select (id, name, plan, since) on acme.customers to support_analyst;
grant select (id, customer_id, issued_on, due_on, status, total_cents, refunded_cents, currency)
  on acme.invoices to support_analyst;
grant select (id, invoice_id, customer_id, paid_on, amount_cents, method) on acme.payments to support_analyst;

-- Who writes statements of their own changes two columns, and no invoice that is before a court.
create policy clerk_sees on acme.invoices for select to invoice_clerk
  using (acme.governed() and status <> 'litigation');
create policy clerk_corrects on acme.invoices for update to invoice_clerk
  using (acme.governed() and status <> 'litigation') with check (status <> 'litigation');
grant usage on schema acme to invoice_clerk;
grant select (id, customer_id, due_on, status, total_cents) on acme.invoices to invoice_clerk;
grant update (due_on, status) on acme.invoices to invoice_clerk;
