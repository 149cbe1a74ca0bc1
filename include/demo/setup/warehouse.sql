-- The database from which the demo's segment comes, and whoever is left out of it: a table of customers as a shop might keep one.
-- row_no keeps the order in which the made-up people stand, so that every demo counts the same.
CREATE TABLE customers (
    row_no integer, customer_no text, mobile text, home text, email text, country_code text,
    postal_code text, city text, first_name text, plan text, agreed boolean
);
CREATE TABLE employees (customer_no text);
