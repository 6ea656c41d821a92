-- A booking: the customer's data are brought up to date and a bay is taken, in one transaction.
-- A place that somebody else took first is no error: no row comes back.
\set customer random(1, 20000)
\set service random(1, 5)
\set days random(0, 90)
\set slot random(0, 47)
\set bay random(1, 6)
BEGIN;
UPDATE customers SET phone = '+35840' || lpad(:customer::text, 8, '0') WHERE id = :customer;
INSERT INTO bookings (customer, service, day, slot, bay)
VALUES (:customer, :service, current_date + :days::int, :slot, :bay)
ON CONFLICT DO NOTHING
RETURNING confirmation;
COMMIT;
