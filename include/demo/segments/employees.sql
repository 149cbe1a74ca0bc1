-- Whoever works for us is left out.
SELECT customer_no AS recipient_id FROM employees
