create table account (id int primary key, balance bigint not null, version int not null default 0);
create table transfer (
  serial serial primary key, token uuid not null unique,
  source int not null, target int not null, amount int not null
);
