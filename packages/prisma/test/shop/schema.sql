create table account (id int primary key, balance int not null, owner text);
create table profile (
  id serial primary key, "accountId" int not null unique references account, text text not null
);
create table entry (
  id serial primary key, token text not null, amount int not null,
  "createdAt" timestamp(3) not null default current_timestamp, "accountId" int references account
);
create table tag (id serial primary key, name text not null unique);
create table "_EntryToTag" (
  "A" int not null references entry on delete cascade,
  "B" int not null references tag on delete cascade,
  primary key ("A", "B")
);
