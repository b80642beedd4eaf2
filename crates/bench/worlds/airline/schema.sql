-- The benchmark keeps ordered dictionaries and lists: `position` is the place in them.

CREATE TABLE flights (
  flight_number TEXT PRIMARY KEY,
  position      INTEGER NOT NULL,
  origin        TEXT NOT NULL,
  destination   TEXT NOT NULL,
  departure     TEXT NOT NULL,
  arrival       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX flights_by_route ON flights (origin, destination);

-- A flight on one day. What it has besides its status depends on the status.
CREATE TABLE flight_dates (
  flight_number       TEXT NOT NULL REFERENCES flights (flight_number),
  date                TEXT NOT NULL,
  position            INTEGER NOT NULL,
  status              TEXT NOT NULL,
  seats_basic_economy INTEGER,
  seats_economy       INTEGER,
  seats_business      INTEGER,
  price_basic_economy INTEGER,
  price_economy       INTEGER,
  price_business      INTEGER,
  actual_departure    TEXT,
  actual_arrival      TEXT,
  estimated_departure TEXT,
  estimated_arrival   TEXT,
  PRIMARY KEY (flight_number, date)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  user_id    TEXT PRIMARY KEY,
  position   INTEGER NOT NULL,
  first_name TEXT NOT NULL,
  last_name  TEXT NOT NULL,
  address1   TEXT NOT NULL,
  address2   TEXT,
  city       TEXT NOT NULL,
  country    TEXT NOT NULL,
  state      TEXT NOT NULL,
  zip        TEXT NOT NULL,
  email      TEXT NOT NULL,
  dob        TEXT NOT NULL,
  membership TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE payment_methods (
  user_id   TEXT NOT NULL REFERENCES users (user_id),
  method_id TEXT NOT NULL,
  position  INTEGER NOT NULL,
  source    TEXT NOT NULL CHECK (source IN ('credit_card', 'gift_card', 'certificate')),
  brand     TEXT,
  last_four TEXT,
  amount    REAL,
  PRIMARY KEY (user_id, method_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_methods_in_order ON payment_methods (user_id, position);

CREATE TABLE saved_passengers (
  user_id    TEXT NOT NULL REFERENCES users (user_id),
  position   INTEGER NOT NULL,
  first_name TEXT NOT NULL,
  last_name  TEXT NOT NULL,
  dob        TEXT NOT NULL,
  PRIMARY KEY (user_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_reservations (
  user_id        TEXT NOT NULL REFERENCES users (user_id),
  position       INTEGER NOT NULL,
  reservation_id TEXT NOT NULL,
  PRIMARY KEY (user_id, position)
) STRICT, WITHOUT ROWID;

-- The benchmark's tools put some arguments here without a check, whatever their type is: those columns hold
-- JSON, so that "3", 3 and 3.0 stay apart.
CREATE TABLE reservations (
  reservation_id   TEXT PRIMARY KEY,
  position         INTEGER NOT NULL,
  user_id          TEXT NOT NULL,
  origin           TEXT NOT NULL,
  destination      TEXT NOT NULL,
  flight_type      TEXT NOT NULL,
  cabin            TEXT NOT NULL CHECK (json_valid(cabin)),
  passengers       TEXT NOT NULL CHECK (json_valid(passengers)),
  created_at       TEXT NOT NULL,
  total_baggages   TEXT NOT NULL CHECK (json_valid(total_baggages)),
  nonfree_baggages TEXT NOT NULL CHECK (json_valid(nonfree_baggages)),
  insurance        TEXT NOT NULL,
  status           TEXT
) STRICT, WITHOUT ROWID;
-- A new one comes last.
CREATE INDEX reservations_by_position ON reservations (position);

CREATE TABLE reservation_flights (
  reservation_id TEXT NOT NULL REFERENCES reservations (reservation_id),
  position       INTEGER NOT NULL,
  flight_number  TEXT NOT NULL,
  origin         TEXT NOT NULL,
  destination    TEXT NOT NULL,
  date           TEXT NOT NULL,
  price          INTEGER NOT NULL,
  PRIMARY KEY (reservation_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE reservation_payments (
  reservation_id TEXT NOT NULL REFERENCES reservations (reservation_id),
  position       INTEGER NOT NULL,
  payment_id     TEXT NOT NULL,
  amount         INTEGER NOT NULL,
  PRIMARY KEY (reservation_id, position)
) STRICT, WITHOUT ROWID;

CREATE VIEW flight_documents AS
SELECT f.flight_number AS key,
       json_object('flight_number', f.flight_number, 'origin', f.origin, 'destination', f.destination,
                   'scheduled_departure_time_est', f.departure,
                   'scheduled_arrival_time_est', f.arrival,
                   'dates', json((SELECT json_group_object(d.date, CASE d.status
                       WHEN 'available' THEN json_object('status', d.status,
                         'available_seats', json_object('basic_economy', d.seats_basic_economy,
                           'economy', d.seats_economy, 'business', d.seats_business),
                         'prices', json_object('basic_economy', d.price_basic_economy,
                           'economy', d.price_economy, 'business', d.price_business))
                       WHEN 'landed' THEN json_object('status', d.status,
                         'actual_departure_time_est', d.actual_departure,
                         'actual_arrival_time_est', d.actual_arrival)
                       WHEN 'flying' THEN json_object('status', d.status,
                         'actual_departure_time_est', d.actual_departure,
                         'estimated_arrival_time_est', d.estimated_arrival)
                       WHEN 'cancelled' THEN json_object('status', d.status)
                       ELSE json_object('status', d.status,
                         'estimated_departure_time_est', d.estimated_departure,
                         'estimated_arrival_time_est', d.estimated_arrival)
                     END)
                     FROM (SELECT * FROM flight_dates d WHERE d.flight_number = f.flight_number ORDER BY d.position) d))) AS value
FROM flights f;

-- Flights that can be booked on a day.
CREATE VIEW open_flights AS
SELECT f.position, d.date, f.flight_number, f.origin, f.destination, f.departure, f.arrival,
       json_object('basic_economy', d.seats_basic_economy, 'economy', d.seats_economy,
                   'business', d.seats_business) AS seats,
       json_object('basic_economy', d.price_basic_economy, 'economy', d.price_economy,
                   'business', d.price_business) AS prices
FROM flights f JOIN flight_dates d ON d.flight_number = f.flight_number AND d.status = 'available';

CREATE VIEW user_details AS
SELECT u.user_id,
       json_object('first_name', u.first_name, 'last_name', u.last_name) AS name,
       json_object('address1', u.address1, 'address2', u.address2, 'city', u.city, 'country', u.country,
                   'state', u.state, 'zip', u.zip) AS address,
       u.email, u.dob,
       (SELECT json_group_object(m.method_id,
                 CASE m.source
                   WHEN 'credit_card' THEN json_object('source', m.source, 'id', m.method_id,
                                                       'brand', m.brand, 'last_four', m.last_four)
                   ELSE json_object('source', m.source, 'id', m.method_id, 'amount', m.amount)
                 END)
        FROM (SELECT * FROM payment_methods m WHERE m.user_id = u.user_id ORDER BY m.position) m) AS payment_methods,
       (SELECT json_group_array(json_object('first_name', p.first_name, 'last_name', p.last_name,
                                            'dob', p.dob))
        FROM (SELECT * FROM saved_passengers p WHERE p.user_id = u.user_id ORDER BY p.position) p) AS saved_passengers,
       u.membership,
       (SELECT json_group_array(r.reservation_id)
        FROM (SELECT * FROM user_reservations r WHERE r.user_id = u.user_id ORDER BY r.position) r) AS reservations
FROM users u;

CREATE VIEW user_documents AS
SELECT user_id AS key,
       json_object('user_id', user_id, 'name', json(name), 'address', json(address), 'email', email,
                   'dob', dob, 'payment_methods', json(payment_methods),
                   'saved_passengers', json(saved_passengers), 'membership', membership,
                   'reservations', json(reservations)) AS value
FROM user_details;

CREATE VIEW reservation_details AS
SELECT r.reservation_id, r.user_id, r.origin, r.destination, r.flight_type, r.cabin,
       (SELECT json_group_array(json_object('flight_number', f.flight_number, 'origin', f.origin,
                                            'destination', f.destination, 'date', f.date,
                                            'price', f.price))
        FROM (SELECT * FROM reservation_flights f WHERE f.reservation_id = r.reservation_id ORDER BY f.position) f) AS flights,
       r.passengers,
       (SELECT json_group_array(json_object('payment_id', p.payment_id, 'amount', p.amount))
        FROM (SELECT * FROM reservation_payments p WHERE p.reservation_id = r.reservation_id ORDER BY p.position) p) AS payment_history,
       r.created_at, r.total_baggages, r.nonfree_baggages, r.insurance, r.status
FROM reservations r;

CREATE VIEW reservation_documents AS
SELECT reservation_id AS key,
       json_object('reservation_id', reservation_id, 'user_id', user_id, 'origin', origin,
                   'destination', destination, 'flight_type', flight_type, 'cabin', json(cabin),
                   'flights', json(flights), 'passengers', json(passengers),
                   'payment_history', json(payment_history), 'created_at', created_at,
                   'total_baggages', json(total_baggages),
                   'nonfree_baggages', json(nonfree_baggages), 'insurance', insurance,
                   'status', status) AS value
FROM reservation_details;

-- What is asked of a reservation before it is changed. Whatever has a length in Python has one here.
CREATE VIEW reservation_facts AS
SELECT r.reservation_id, r.user_id, python_len(r.passengers) AS passengers,
       r.cabin, r.nonfree_baggages ->> '$' AS nonfree_baggages
FROM reservations r;
