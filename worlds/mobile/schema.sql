-- The network's side

CREATE TABLE customers (
  customer_id TEXT PRIMARY KEY DEFAULT (new_id('CU')),
  full_name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  city TEXT NOT NULL,
  service_code TEXT NOT NULL UNIQUE      -- six digits that only the customer knows; no tool shows it
    CHECK (length(service_code) = 6),
  since TEXT NOT NULL                    -- first day as a customer
) STRICT;

CREATE TABLE plans (
  plan_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  monthly_cents INTEGER NOT NULL CHECK (monthly_cents > 0),
  data_mb INTEGER CHECK (data_mb > 0),   -- data of a calendar month at full speed; NULL: without limit
  on_sale INTEGER NOT NULL CHECK (on_sale IN (0, 1))  -- old plans are kept by those who have them
) STRICT;

CREATE TABLE lines (
  line_id TEXT PRIMARY KEY DEFAULT (new_id('LIN')),
  customer_id TEXT NOT NULL REFERENCES customers (customer_id),
  number TEXT NOT NULL UNIQUE,           -- phone number, 076-123-456
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended')),
  plan_id TEXT NOT NULL REFERENCES plans (plan_id),
  next_plan_id TEXT REFERENCES plans (plan_id),  -- plan from the next bill on; NULL: it stays
  term_ends_on TEXT,                     -- end of the minimum term; NULL: none was agreed
  data_used_mb INTEGER NOT NULL DEFAULT 0 CHECK (data_used_mb >= 0),    -- this month
  extra_data_mb INTEGER NOT NULL DEFAULT 0 CHECK (extra_data_mb >= 0),  -- from data packs of this month
  spending_cap_cents INTEGER CHECK (spending_cap_cents > 0),            -- most that use abroad may cost in a month
  online INTEGER NOT NULL DEFAULT 0 CHECK (online IN (0, 1)),           -- its phone is on a network now
  last_network TEXT,                     -- the last network that its phone was on
  last_area TEXT                         -- and where that was
) STRICT;
CREATE INDEX lines_by_customer ON lines (customer_id);

-- What is switched on for a line in the network. Every line has all three.
CREATE TABLE line_services (
  line_id TEXT NOT NULL REFERENCES lines (line_id),
  service TEXT NOT NULL CHECK (service IN ('use_abroad', 'voicemail', 'premium_numbers')),
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  PRIMARY KEY (line_id, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE sim_cards (
  sim_id TEXT PRIMARY KEY DEFAULT (new_id('SIM')),
  line_id TEXT NOT NULL REFERENCES lines (line_id),
  kind TEXT NOT NULL CHECK (kind IN ('plastic', 'esim')),
  status TEXT NOT NULL DEFAULT 'issued'  -- issued: waits to be installed
    CHECK (status IN ('issued', 'active', 'replaced', 'barred')),
  unlock_code TEXT NOT NULL CHECK (length(unlock_code) = 8),  -- frees a card that is locked after wrong PINs
  activation_code TEXT UNIQUE,           -- with it an eSIM is installed; plastic cards have none
  bar_reason TEXT CHECK (bar_reason IN ('lost', 'stolen')),
  CHECK ((kind = 'esim') = (activation_code IS NOT NULL)),
  CHECK ((status = 'barred') = (bar_reason IS NOT NULL))
) STRICT;
CREATE INDEX cards_by_line ON sim_cards (line_id);
CREATE UNIQUE INDEX one_active_card ON sim_cards (line_id) WHERE status = 'active';

CREATE TABLE invoices (
  invoice_id TEXT PRIMARY KEY DEFAULT (new_id('INV')),
  customer_id TEXT NOT NULL REFERENCES customers (customer_id),
  month TEXT NOT NULL,                   -- the month that is billed, YYYY-MM
  due_date TEXT NOT NULL,
  total_cents INTEGER NOT NULL CHECK (total_cents >= 0),  -- sum of its charges
  status TEXT NOT NULL CHECK (status IN ('open', 'overdue', 'paid')),
  UNIQUE (customer_id, month)
) STRICT;
CREATE INDEX unpaid_invoices ON invoices (total_cents) WHERE status <> 'paid';

-- What customers owe for, and credits. Charges without an invoice come with the next one.
CREATE TABLE charges (
  charge_id TEXT PRIMARY KEY DEFAULT (new_id('CHG')),
  customer_id TEXT NOT NULL REFERENCES customers (customer_id),
  invoice_id TEXT REFERENCES invoices (invoice_id),
  line_id TEXT REFERENCES lines (line_id),   -- NULL: for all lines of the customer
  kind TEXT NOT NULL CHECK (kind IN ('monthly', 'calls', 'data_pack', 'esim', 'credit')),
  amount_cents INTEGER NOT NULL,             -- credits are negative
  charged_on TEXT NOT NULL DEFAULT (today()),
  CHECK ((kind = 'credit') = (amount_cents < 0))
) STRICT;
CREATE INDEX charges_by_customer ON charges (customer_id);
CREATE INDEX charges_by_invoice ON charges (invoice_id);
CREATE INDEX charges_by_line ON charges (line_id);

CREATE TABLE tickets (
  ticket_id TEXT PRIMARY KEY DEFAULT (new_id('TIC')),
  customer_id TEXT NOT NULL REFERENCES customers (customer_id),
  line_id TEXT REFERENCES lines (line_id),   -- NULL: about the account
  category TEXT NOT NULL CHECK (category IN ('no_service', 'no_data', 'billing', 'number_transfer', 'other')),
  summary TEXT NOT NULL,
  opened_at TEXT NOT NULL DEFAULT (now()),
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
  resolution TEXT CHECK (resolution IN ('solved', 'no_fault_found', 'withdrawn')),
  CHECK ((status = 'closed') = (resolution IS NOT NULL))
) STRICT;
CREATE INDEX tickets_by_customer ON tickets (customer_id);

-- Which networks can be received where.
CREATE TABLE coverage (
  area TEXT NOT NULL,
  network TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('own', 'partner', 'foreign')),  -- partner: ours may use it abroad
  bars INTEGER NOT NULL CHECK (bars BETWEEN 1 AND 5),
  disrupted_until TEXT,                  -- last day of a disruption; NULL: none
  cause TEXT,
  PRIMARY KEY (area, network),
  CHECK ((disrupted_until IS NULL) = (cause IS NULL))
) STRICT, WITHOUT ROWID;

-- The customer's side

CREATE TABLE phones (
  phone_id TEXT PRIMARY KEY,
  line_id TEXT NOT NULL UNIQUE REFERENCES lines (line_id),
  model TEXT NOT NULL,
  takes_esim INTEGER NOT NULL CHECK (takes_esim IN (0, 1)),
  sim_id TEXT NOT NULL REFERENCES sim_cards (sim_id),   -- the card or profile that is in it
  card_locked INTEGER NOT NULL DEFAULT 0 CHECK (card_locked IN (0, 1)),
  flight_mode INTEGER NOT NULL DEFAULT 0 CHECK (flight_mode IN (0, 1)),
  mobile_data INTEGER NOT NULL DEFAULT 1 CHECK (mobile_data IN (0, 1)),
  data_abroad INTEGER NOT NULL DEFAULT 0 CHECK (data_abroad IN (0, 1)),
  network_choice TEXT NOT NULL DEFAULT 'automatic',     -- or the name of the only network it may use
  radio_stuck INTEGER NOT NULL DEFAULT 0 CHECK (radio_stuck IN (0, 1)),  -- hangs until it is restarted
  restarted_at TEXT,
  area TEXT NOT NULL,                    -- where it is
  network TEXT,                          -- the network that it is on; NULL: none
  unsettled INTEGER NOT NULL DEFAULT 0 CHECK (unsettled IN (0, 1))       -- something happened to it in this call
) STRICT;
CREATE INDEX unsettled_phones ON phones (unsettled) WHERE unsettled = 1;
CREATE INDEX phones_by_card ON phones (sim_id);

-- What the network switches reaches the phone.
CREATE TRIGGER card_changed AFTER UPDATE OF status ON sim_cards WHEN NEW.status = 'barred' BEGIN
  UPDATE phones SET unsettled = 1 WHERE sim_id = NEW.sim_id;
END;
CREATE TRIGGER service_changed AFTER UPDATE OF enabled ON line_services WHEN NEW.enabled <> OLD.enabled BEGIN
  UPDATE phones SET unsettled = 1 WHERE line_id = NEW.line_id;
END;

-- The network that each phone would find now: our own before partners, the stronger before the weaker.
CREATE VIEW reception AS
SELECT p.phone_id,
  (SELECT c.network FROM coverage c
   WHERE c.area = p.area
     AND (c.disrupted_until IS NULL OR c.disrupted_until < today())
     AND p.network_choice IN ('automatic', c.network)
     AND (c.kind = 'own' OR (c.kind = 'partner' AND EXISTS (
       SELECT 1 FROM line_services v WHERE v.line_id = p.line_id AND v.service = 'use_abroad' AND v.enabled = 1)))
   ORDER BY c.kind = 'own' DESC, c.bars DESC, c.network LIMIT 1) AS network
FROM phones p JOIN sim_cards s ON s.sim_id = p.sim_id JOIN lines l ON l.line_id = p.line_id
WHERE p.flight_mode = 0 AND p.card_locked = 0 AND p.radio_stuck = 0 AND s.status = 'active' AND l.status = 'active';
