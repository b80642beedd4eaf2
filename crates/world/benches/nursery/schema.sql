CREATE TABLE customers (
  customer_id TEXT PRIMARY KEY,
  name        TEXT NOT NULL,
  email       TEXT NOT NULL UNIQUE,
  town        TEXT NOT NULL,
  club_member INTEGER NOT NULL CHECK (club_member IN (0, 1))
) STRICT;

CREATE TABLE plants (
  plant_id TEXT PRIMARY KEY,
  name     TEXT NOT NULL,
  light    TEXT NOT NULL CHECK (light IN ('sun', 'half shade', 'shade'))
) STRICT;

-- One plant in one size of pot.
CREATE TABLE offers (
  offer_id    TEXT PRIMARY KEY,
  plant_id    TEXT NOT NULL REFERENCES plants (plant_id),
  pot_litres  INTEGER NOT NULL CHECK (pot_litres > 0),
  height_cm   INTEGER NOT NULL,
  price_cents INTEGER NOT NULL CHECK (price_cents > 0),
  in_stock    INTEGER NOT NULL CHECK (in_stock >= 0)
) STRICT;
CREATE INDEX offers_by_plant ON offers (plant_id);

CREATE TABLE vouchers (
  voucher_id    TEXT PRIMARY KEY,
  customer_id   TEXT NOT NULL REFERENCES customers (customer_id),
  balance_cents INTEGER NOT NULL CHECK (balance_cents >= 0)
) STRICT;
CREATE INDEX vouchers_by_customer ON vouchers (customer_id);

CREATE TABLE orders (
  order_id    TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers (customer_id),
  voucher_id  TEXT NOT NULL REFERENCES vouchers (voucher_id),
  progress    TEXT NOT NULL DEFAULT 'waiting' CHECK (progress IN ('waiting', 'dug up', 'under way', 'called off')),
  deliver_on  TEXT NOT NULL,
  remark      TEXT,
  placed_at   TEXT NOT NULL DEFAULT (now())
) STRICT;
CREATE INDEX orders_by_customer ON orders (customer_id);

CREATE TABLE lines (
  order_id   TEXT NOT NULL REFERENCES orders (order_id) ON DELETE CASCADE,
  line       INTEGER NOT NULL,
  offer_id   TEXT NOT NULL REFERENCES offers (offer_id),
  pieces     INTEGER NOT NULL CHECK (pieces BETWEEN 1 AND 40),
  unit_cents INTEGER NOT NULL,
  PRIMARY KEY (order_id, line)
) STRICT;
CREATE INDEX lines_by_offer ON lines (offer_id);

CREATE TABLE payments (
  payment_id   TEXT PRIMARY KEY,
  order_id     TEXT NOT NULL REFERENCES orders (order_id),
  means        TEXT NOT NULL CHECK (means IN ('voucher', 'card', 'invoice')),
  amount_cents INTEGER NOT NULL
) STRICT;
CREATE INDEX payments_by_order ON payments (order_id);

-- Plants that arrived dead or broken.
CREATE TABLE complaints (
  complaint_id TEXT PRIMARY KEY DEFAULT (new_id('K')),
  order_id     TEXT NOT NULL,
  line         INTEGER NOT NULL,
  pieces       INTEGER NOT NULL CHECK (pieces > 0),
  wish         TEXT NOT NULL CHECK (wish IN ('replace', 'refund')),
  raised_at    TEXT NOT NULL DEFAULT (now()),
  FOREIGN KEY (order_id, line) REFERENCES lines (order_id, line)
) STRICT;
CREATE INDEX complaints_by_line ON complaints (order_id, line);
