-- Everybody who agreed to be written to. In a real project this query reads your warehouse, over an Airflow connection.
SELECT customer_no, mobile, home, email, country_code, postal_code, city, first_name, plan
FROM customers
WHERE agreed
ORDER BY row_no
