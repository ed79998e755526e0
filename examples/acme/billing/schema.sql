-- Acme's billing database. Money is in cents. Every person in it is invented.

create schema acme;

create table acme.customers (
  id          text primary key,
  name        text not null,
  email       text not null,
  phone       text not null,
  address     jsonb not null,
  plan        text not null,
  since       date not null,
  card_number text not null,
  iban        text not null
);

create table acme.invoices (
  id          text primary key,
  customer_id text not null references acme.customers (id),
  issued_on   date not null,
  due_on      date not null,
  status      text not null check (status in ('paid', 'open', 'overdue', 'litigation')),
  total_cents integer not null,
  currency    text not null,
  payer       jsonb not null,
  lines       jsonb not null,
  -- What was given back so far.
  refunded_cents integer not null default 0 check (refunded_cents between 0 and total_cents)
);

create table acme.payments (
  id           text primary key,
  invoice_id   text not null references acme.invoices (id),
  customer_id  text not null references acme.customers (id),
  paid_on      date not null,
  amount_cents integer not null,
  method       text not null check (method in ('card', 'transfer')),
  card_number  text,
  iban         text
);

create table acme.payroll (
  id          text primary key,
  employee    text not null,
  month       date not null,
  gross_cents integer not null,
  net_cents   integer not null,
  iban        text not null
);
