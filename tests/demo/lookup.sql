-- A customer looks at the own bookings.
\set customer random(1, 20000)
SELECT b.confirmation, b.day, b.slot, b.bay, b.status, s.name, s.cents
FROM bookings b JOIN services s ON s.id = b.service
WHERE b.customer = :customer
ORDER BY b.day DESC LIMIT 10;
