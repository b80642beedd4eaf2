-- People who have insured a home with us.
CREATE TABLE policyholders (
  policyholder_id TEXT PRIMARY KEY DEFAULT (new_id('PH')),
  full_name TEXT NOT NULL,
  birth_date TEXT NOT NULL,              -- YYYY-MM-DD; callers are identified by it, so no tool shows it
  email TEXT NOT NULL UNIQUE,
  phone TEXT NOT NULL,
  account_number TEXT NOT NULL           -- ten digits; bank transfers go there
    CHECK (length(account_number) = 10),
  account_changed_on TEXT                -- day of the last change of the account; NULL: never changed
) STRICT;

-- One policy insures one home.
CREATE TABLE policies (
  policy_id TEXT PRIMARY KEY DEFAULT (new_id('POL')),
  policyholder_id TEXT NOT NULL REFERENCES policyholders (policyholder_id),
  home_kind TEXT NOT NULL CHECK (home_kind IN ('house', 'flat', 'holiday_home')),
  street TEXT NOT NULL,
  city TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'lapsed', 'cancelled')),
  start_date TEXT NOT NULL,              -- first day of cover
  end_date TEXT NOT NULL,                -- last day of cover; in the future for an active policy
  yearly_premium_cents INTEGER NOT NULL CHECK (yearly_premium_cents > 0),
  overdue_cents INTEGER NOT NULL DEFAULT 0 CHECK (overdue_cents >= 0),  -- premium that is due and unpaid
  CHECK (start_date < end_date)
) STRICT;
CREATE INDEX policies_by_holder ON policies (policyholder_id);

-- What a policy covers, and how far.
CREATE TABLE coverages (
  policy_id TEXT NOT NULL REFERENCES policies (policy_id),
  peril TEXT NOT NULL CHECK (peril IN ('fire', 'water', 'storm', 'theft', 'glass', 'liability')),
  limit_cents INTEGER NOT NULL CHECK (limit_cents > 0),            -- most that one claim can be worth
  deductible_cents INTEGER NOT NULL CHECK (deductible_cents >= 0), -- what the policyholder bears of each claim
  PRIMARY KEY (policy_id, peril),
  CHECK (deductible_cents < limit_cents)
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
  claim_id TEXT PRIMARY KEY DEFAULT (new_id('CLM')),
  policy_id TEXT NOT NULL REFERENCES policies (policy_id),
  peril TEXT NOT NULL,
  incident_date TEXT NOT NULL,           -- day of the damage
  reported_at TEXT NOT NULL DEFAULT (now()),
  description TEXT NOT NULL,
  claimed_cents INTEGER NOT NULL CHECK (claimed_cents > 0),
  status TEXT NOT NULL DEFAULT 'open'
    CHECK (status IN ('open', 'escalated', 'approved', 'paid', 'rejected', 'withdrawn')),
  accepted_loss_cents INTEGER,           -- the part of the claimed amount that we accept as damage
  approved_cents INTEGER                 -- accepted loss, cut at the limit, less the deductible
    CHECK (approved_cents > 0),
  closing_reason TEXT
    CHECK (closing_reason IN ('withdrawn_by_policyholder', 'not_covered', 'below_deductible', 'duplicate', 'no_proof')),
  escalation_reason TEXT
    CHECK (escalation_reason IN ('above_authority', 'suspected_fraud', 'disputed_decision', 'complex_damage')),
  decided_at TEXT,                       -- when it was approved, rejected or withdrawn
  FOREIGN KEY (policy_id, peril) REFERENCES coverages (policy_id, peril),
  CHECK ((status IN ('approved', 'paid')) = (approved_cents IS NOT NULL)),
  CHECK ((accepted_loss_cents IS NULL) = (approved_cents IS NULL)),
  CHECK ((status IN ('rejected', 'withdrawn')) = (closing_reason IS NOT NULL)),
  CHECK ((status = 'withdrawn') = (closing_reason IS 'withdrawn_by_policyholder')),
  CHECK (status <> 'escalated' OR escalation_reason IS NOT NULL)
) STRICT;
CREATE INDEX claims_by_policy ON claims (policy_id, peril);
CREATE INDEX approved_claims ON claims (approved_cents) WHERE status = 'approved';

CREATE TABLE claim_documents (
  document_id TEXT PRIMARY KEY DEFAULT (new_id('DOC')),
  claim_id TEXT NOT NULL REFERENCES claims (claim_id),
  kind TEXT NOT NULL CHECK (kind IN ('photo', 'invoice', 'repair_estimate', 'police_report', 'letter')),
  file_name TEXT NOT NULL,
  received_on TEXT NOT NULL DEFAULT (today()),
  state TEXT NOT NULL DEFAULT 'received'   -- the post room checks what was received
    CHECK (state IN ('received', 'accepted', 'unreadable')),
  UNIQUE (claim_id, file_name)
) STRICT;

CREATE TABLE assessors (
  assessor_id TEXT PRIMARY KEY DEFAULT (new_id('ASR')),
  full_name TEXT NOT NULL,
  city TEXT NOT NULL                     -- an assessor visits homes in one city
) STRICT;

-- Which damage an assessor is qualified for.
CREATE TABLE assessor_perils (
  assessor_id TEXT NOT NULL REFERENCES assessors (assessor_id),
  peril TEXT NOT NULL CHECK (peril IN ('fire', 'water', 'storm', 'theft', 'glass', 'liability')),
  PRIMARY KEY (assessor_id, peril)
) STRICT, WITHOUT ROWID;

-- Visits of assessors.
CREATE TABLE assessments (
  assessment_id TEXT PRIMARY KEY DEFAULT (new_id('ASM')),
  claim_id TEXT NOT NULL REFERENCES claims (claim_id),
  assessor_id TEXT NOT NULL REFERENCES assessors (assessor_id),
  visit_date TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'scheduled' CHECK (status IN ('scheduled', 'completed', 'cancelled')),
  estimate_cents INTEGER CHECK (estimate_cents >= 0),  -- the damage as the assessor found it
  CHECK ((status = 'completed') = (estimate_cents IS NOT NULL))
) STRICT;
-- A claim has one visit that is not cancelled, at most.
CREATE UNIQUE INDEX one_live_visit ON assessments (claim_id) WHERE status <> 'cancelled';
CREATE INDEX visits_by_assessor ON assessments (assessor_id, visit_date);

CREATE TABLE payouts (
  payout_id TEXT PRIMARY KEY DEFAULT (new_id('PAY')),
  claim_id TEXT NOT NULL REFERENCES claims (claim_id),
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
  method TEXT NOT NULL CHECK (method IN ('bank_transfer', 'cheque')),
  created_on TEXT NOT NULL DEFAULT (today()),
  status TEXT NOT NULL DEFAULT 'pending'   -- returned: the money came back and is owed again
    CHECK (status IN ('pending', 'sent', 'returned'))
) STRICT;
CREATE INDEX payouts_by_claim ON payouts (claim_id);

-- Every change of a claim's status.
CREATE TABLE claim_events (
  event_id INTEGER PRIMARY KEY,
  claim_id TEXT NOT NULL REFERENCES claims (claim_id),
  happened_at TEXT NOT NULL DEFAULT (now()),
  status TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_claim ON claim_events (claim_id);

CREATE TRIGGER claim_opened AFTER INSERT ON claims BEGIN
  INSERT INTO claim_events (claim_id, status) VALUES (NEW.claim_id, NEW.status);
END;
CREATE TRIGGER claim_moved AFTER UPDATE OF status ON claims WHEN NEW.status <> OLD.status BEGIN
  INSERT INTO claim_events (claim_id, status) VALUES (NEW.claim_id, NEW.status);
END;

-- What is paid on each claim and what is still owed.
CREATE VIEW claim_balance AS
SELECT c.claim_id,
  coalesce((SELECT sum(p.amount_cents) FROM payouts p WHERE p.claim_id = c.claim_id AND p.status <> 'returned'), 0) AS paid_cents,
  coalesce(c.approved_cents, 0)
    - coalesce((SELECT sum(p.amount_cents) FROM payouts p WHERE p.claim_id = c.claim_id AND p.status <> 'returned'), 0) AS outstanding_cents
FROM claims c;
