-- The library as vectors, for questions that share no word with the page that answers them.

create extension if not exists vector;

create table acme.pages (
  id        text primary key,
  title     text not null,
  text      text not null,
  tenant    text not null,
  class     text not null,
  embedding vector(512) not null
);

alter table acme.pages enable row level security;
create policy pages_found on acme.pages for select to page_reader using (acme.governed());
grant usage on schema acme to page_reader;
grant select on acme.pages to page_reader;
