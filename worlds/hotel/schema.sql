-- A group of hotels: what it sells, to whom, and what has been paid. Money is in euro cents, days are YYYY-MM-DD.

CREATE TABLE hotels (
  hotel_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  city TEXT NOT NULL,
  stars INTEGER NOT NULL CHECK (stars BETWEEN 2 AND 5),
  phone TEXT NOT NULL,
  pets_allowed INTEGER NOT NULL CHECK (pets_allowed IN (0, 1)),
  check_in_from TEXT NOT NULL,     -- time of day, HH:MM
  check_out_until TEXT NOT NULL    -- time of day, HH:MM
) STRICT;
CREATE INDEX hotels_by_city ON hotels (city);

-- Rooms of one kind in one hotel. Guests book a kind of room, not a room number.
CREATE TABLE room_types (
  room_type_id TEXT PRIMARY KEY,
  hotel_id TEXT NOT NULL REFERENCES hotels (hotel_id),
  name TEXT NOT NULL,
  max_guests INTEGER NOT NULL CHECK (max_guests BETWEEN 1 AND 6),  -- adults and children together
  units INTEGER NOT NULL CHECK (units BETWEEN 1 AND 99),           -- rooms of this kind
  UNIQUE (hotel_id, name)
) STRICT;

-- Nights on which no room of a kind is sold: from first_night until, but not including, reopens_on.
CREATE TABLE closures (
  closure_id TEXT PRIMARY KEY,
  room_type_id TEXT NOT NULL REFERENCES room_types (room_type_id),
  first_night TEXT NOT NULL,
  reopens_on TEXT NOT NULL,
  reason TEXT NOT NULL,
  CHECK (reopens_on > first_night)
) STRICT;
CREATE INDEX closures_by_room_type ON closures (room_type_id, first_night);

-- A price and its conditions for a kind of room.
CREATE TABLE rates (
  rate_id TEXT PRIMARY KEY,
  room_type_id TEXT NOT NULL REFERENCES room_types (room_type_id),
  name TEXT NOT NULL CHECK (name IN ('Flexible', 'Half Flex', 'Breakfast Flexible', 'Saver')),
  nightly_cents INTEGER NOT NULL CHECK (nightly_cents > 0),        -- for the room, whatever the number of guests
  breakfast_included INTEGER NOT NULL CHECK (breakfast_included IN (0, 1)),
  min_nights INTEGER NOT NULL DEFAULT 1 CHECK (min_nights BETWEEN 1 AND 7),
  free_cancel_days INTEGER CHECK (free_cancel_days >= 2),          -- free until so many days before arrival; NULL: never free
  UNIQUE (room_type_id, name)
) STRICT;

CREATE TABLE guests (
  guest_id TEXT PRIMARY KEY DEFAULT (new_id('GU')),
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE CHECK (email = lower(email)),
  phone TEXT NOT NULL UNIQUE,
  country TEXT NOT NULL,
  tier TEXT NOT NULL DEFAULT 'standard' CHECK (tier IN ('standard', 'silver', 'gold')),
  registered_at TEXT NOT NULL DEFAULT (now())
) STRICT;
CREATE INDEX guests_by_name ON guests (lower(name));

CREATE TABLE bookings (
  booking_id TEXT PRIMARY KEY DEFAULT (new_id('BK')),
  guest_id TEXT NOT NULL REFERENCES guests (guest_id),
  rate_id TEXT NOT NULL REFERENCES rates (rate_id),
  check_in TEXT NOT NULL,
  check_out TEXT NOT NULL,
  adults INTEGER NOT NULL CHECK (adults >= 1),
  children INTEGER NOT NULL DEFAULT 0 CHECK (children >= 0),
  status TEXT NOT NULL DEFAULT 'confirmed' CHECK (status IN ('confirmed', 'checked_in', 'checked_out', 'cancelled', 'no_show')),
  nightly_cents INTEGER NOT NULL CHECK (nightly_cents > 0),        -- agreed when the rate was booked
  total_cents INTEGER NOT NULL CHECK (total_cents >= 0),           -- room and extras; after a cancellation or no-show the fee
  paid_cents INTEGER NOT NULL DEFAULT 0 CHECK (paid_cents >= 0),   -- payments less refunds
  special_request TEXT,
  cancel_reason TEXT CHECK (cancel_reason IN ('change_of_plans', 'illness', 'duplicate', 'hotel_request', 'other')),
  booked_at TEXT NOT NULL DEFAULT (now()),
  CHECK (check_out > check_in)
) STRICT;
CREATE INDEX bookings_by_guest ON bookings (guest_id, check_in);
CREATE INDEX bookings_by_rate ON bookings (rate_id, check_in);

-- What a hotel sells besides the room.
CREATE TABLE extras (
  extra_id TEXT PRIMARY KEY,
  hotel_id TEXT NOT NULL REFERENCES hotels (hotel_id),
  name TEXT NOT NULL,
  price_cents INTEGER NOT NULL CHECK (price_cents > 0),
  charged_per TEXT NOT NULL CHECK (charged_per IN ('stay', 'night')),
  members_only INTEGER NOT NULL CHECK (members_only IN (0, 1)),    -- for guests of the silver and gold tiers
  UNIQUE (hotel_id, name)
) STRICT;

CREATE TABLE booking_extras (
  booking_id TEXT NOT NULL REFERENCES bookings (booking_id) ON DELETE CASCADE,
  extra_id TEXT NOT NULL REFERENCES extras (extra_id),
  quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 20),
  amount_cents INTEGER NOT NULL CHECK (amount_cents >= 0),         -- for the whole stay
  PRIMARY KEY (booking_id, extra_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE payments (
  payment_id TEXT PRIMARY KEY DEFAULT (new_id('PY')),
  booking_id TEXT NOT NULL REFERENCES bookings (booking_id),
  kind TEXT NOT NULL CHECK (kind IN ('payment', 'refund')),
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),          -- always positive, for refunds too
  method TEXT NOT NULL CHECK (method IN ('card', 'transfer', 'cash')),
  recorded_at TEXT NOT NULL DEFAULT (now())
) STRICT;
CREATE INDEX payments_by_booking ON payments (booking_id);

-- A booking with the room and hotel that it is for, and what its cancellation would cost today.
CREATE VIEW stays AS
SELECT b.booking_id, b.guest_id, b.rate_id, r.room_type_id, t.hotel_id, b.check_in, b.check_out, b.status,
  CAST(julianday(b.check_out) - julianday(b.check_in) AS INTEGER) AS nights,
  date(b.check_in, '-' || r.free_cancel_days || ' days') AS free_until,
  CASE
    WHEN r.free_cancel_days IS NULL
      THEN b.nightly_cents * CAST(julianday(b.check_out) - julianday(b.check_in) AS INTEGER)
    WHEN today() > date(b.check_in, '-' || r.free_cancel_days || ' days') THEN b.nightly_cents
    ELSE 0
  END AS fee_cents
FROM bookings b
JOIN rates r ON r.rate_id = b.rate_id
JOIN room_types t ON t.room_type_id = r.room_type_id;
