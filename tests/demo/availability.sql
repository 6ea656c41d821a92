-- What can be had, and when: the services, then the slots of one day that have a free bay.
\set days random(0, 90)
SELECT id, name, minutes, cents FROM services WHERE active ORDER BY cents;
SELECT n AS slot, 6 - count(taken.id) AS free
FROM generate_series(0, 47) n
LEFT JOIN bookings taken
	ON taken.slot = n AND taken.day = current_date + :days::int AND taken.status <> 'cancelled'
GROUP BY n HAVING count(taken.id) < 6
ORDER BY n LIMIT 10;
