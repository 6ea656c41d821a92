-- A small car wash: what can be washed, who comes, and when each bay is taken.

CREATE TABLE services (
	id       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name     text NOT NULL UNIQUE,
	minutes  int NOT NULL CHECK (minutes > 0),
	cents    int NOT NULL CHECK (cents > 0),
	active   boolean NOT NULL DEFAULT true
);

CREATE TABLE customers (
	id       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name     text NOT NULL,
	email    text NOT NULL UNIQUE,
	phone    text NOT NULL,
	vehicle  text NOT NULL
);

CREATE TABLE bookings (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	confirmation text NOT NULL DEFAULT upper(substr(md5(gen_random_uuid()::text), 1, 10)),
	customer     int NOT NULL REFERENCES customers,
	service      int NOT NULL REFERENCES services,
	day          date NOT NULL,
	slot         int NOT NULL CHECK (slot BETWEEN 0 AND 47),  -- a quarter of an hour from 8:00
	bay          int NOT NULL CHECK (bay BETWEEN 1 AND 6),
	status       text NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'done', 'cancelled')),
	made         timestamptz NOT NULL DEFAULT now()
);

INSERT INTO services (name, minutes, cents)
SELECT name, minutes, cents FROM (VALUES
	('Express wash', 15, 990), ('Basic wash', 15, 1490), ('Wash and wax', 30, 2490),
	('Interior', 45, 3990), ('Full detail', 60, 9900)) v (name, minutes, cents);

INSERT INTO customers (name, email, phone, vehicle)
SELECT 'Customer ' || n, 'customer' || n || '@example.com', '+3584012' || lpad(n::text, 6, '0'),
       (ARRAY['sedan', 'suv', 'van', 'estate'])[1 + n % 4]
FROM generate_series(1, 20000) n;

-- A year of bookings behind us, and the coming three months half full.
INSERT INTO bookings (customer, service, day, slot, bay, status)
SELECT 1 + (random() * 19999)::int, 1 + (random() * 4)::int, current_date + day, slot, bay,
       CASE WHEN day < 0 THEN 'done' ELSE 'booked' END
FROM generate_series(-365, 90) day, generate_series(0, 47) slot, generate_series(1, 6) bay
WHERE random() < 0.5;

-- One car a bay and slot; also what the availability search reads.
CREATE UNIQUE INDEX bookings_place ON bookings (day, slot, bay) WHERE status <> 'cancelled';
CREATE UNIQUE INDEX bookings_confirmation ON bookings (confirmation);
CREATE INDEX bookings_customer ON bookings (customer, day DESC);

ANALYZE services, customers, bookings;
