-- A clinic with family doctors and specialists. Times are UTC, which is the clinic's own time; money is in cents.

CREATE TABLE doctors (
  doctor_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  -- 'general_practice' doctors are family doctors; all others are specialists.
  specialty TEXT NOT NULL CHECK (specialty IN ('general_practice', 'cardiology', 'dermatology', 'neurology', 'orthopaedics')),
  room TEXT NOT NULL,
  -- JSON array of language codes that the doctor speaks.
  languages TEXT NOT NULL CHECK (json_valid(languages))
) STRICT;
CREATE INDEX doctors_by_specialty ON doctors (specialty);

CREATE TABLE patients (
  patient_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  -- Asked of callers to verify them; no tool shows it.
  born_on TEXT NOT NULL CHECK (born_on LIKE '____-__-__'),
  phone TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  city TEXT NOT NULL,
  -- The patient's own family doctor.
  doctor_id TEXT NOT NULL REFERENCES doctors (doctor_id),
  registered_on TEXT NOT NULL
) STRICT;
CREATE INDEX patients_by_doctor ON patients (doctor_id);

-- A class of medicines that a patient must not take.
CREATE TABLE allergies (
  patient_id TEXT NOT NULL REFERENCES patients (patient_id),
  drug_class TEXT NOT NULL CHECK (drug_class IN ('penicillins', 'macrolides', 'nsaids', 'opioids', 'statins', 'ace_inhibitors', 'benzodiazepines', 'stimulants', 'biguanides')),
  severity TEXT NOT NULL CHECK (severity IN ('mild', 'moderate', 'severe')),
  recorded_on TEXT NOT NULL DEFAULT (today()),
  PRIMARY KEY (patient_id, drug_class)
) STRICT, WITHOUT ROWID;

-- Times at which a doctor sees patients; each is 15 minutes long.
CREATE TABLE slots (
  slot_id TEXT PRIMARY KEY,
  doctor_id TEXT NOT NULL REFERENCES doctors (doctor_id),
  starts_at TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('in_person', 'video')),
  -- 'taken' slots carry an appointment; 'blocked' ones are not for booking.
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'taken', 'blocked')),
  UNIQUE (doctor_id, starts_at)
) STRICT;
CREATE INDEX slots_by_status ON slots (status, starts_at);

CREATE TABLE appointments (
  appointment_id TEXT PRIMARY KEY DEFAULT (new_id('APT')),
  patient_id TEXT NOT NULL REFERENCES patients (patient_id),
  slot_id TEXT NOT NULL REFERENCES slots (slot_id),
  -- What the patient wants to see the doctor about, in their words.
  reason TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'completed', 'missed', 'cancelled')),
  booked_at TEXT NOT NULL DEFAULT (now()),
  cancel_reason TEXT CHECK (cancel_reason IN ('illness', 'schedule_conflict', 'no_longer_needed', 'other')),
  cancelled_at TEXT,
  CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
) STRICT;
CREATE INDEX appointments_by_patient ON appointments (patient_id);
CREATE INDEX appointments_by_slot ON appointments (slot_id);
CREATE UNIQUE INDEX one_appointment_a_slot ON appointments (slot_id) WHERE status <> 'cancelled';

CREATE TABLE charges (
  charge_id TEXT PRIMARY KEY DEFAULT (new_id('CHG')),
  patient_id TEXT NOT NULL REFERENCES patients (patient_id),
  appointment_id TEXT NOT NULL REFERENCES appointments (appointment_id),
  kind TEXT NOT NULL CHECK (kind IN ('visit', 'missed_visit', 'late_cancellation')),
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'paid', 'waived')),
  charged_on TEXT NOT NULL DEFAULT (today()),
  waived_on TEXT,
  CHECK ((status = 'waived') = (waived_on IS NOT NULL))
) STRICT;
CREATE INDEX charges_by_patient ON charges (patient_id);
CREATE INDEX charges_by_appointment ON charges (appointment_id);

CREATE TABLE medicines (
  medicine_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  drug_class TEXT NOT NULL CHECK (drug_class IN ('penicillins', 'macrolides', 'nsaids', 'opioids', 'statins', 'ace_inhibitors', 'benzodiazepines', 'stimulants', 'biguanides')),
  -- 1 for medicines under special control, such as strong painkillers and sedatives.
  controlled INTEGER NOT NULL CHECK (controlled IN (0, 1))
) STRICT;

CREATE TABLE prescriptions (
  prescription_id TEXT PRIMARY KEY,
  patient_id TEXT NOT NULL REFERENCES patients (patient_id),
  -- The doctor who prescribed it.
  doctor_id TEXT NOT NULL REFERENCES doctors (doctor_id),
  medicine_id TEXT NOT NULL REFERENCES medicines (medicine_id),
  directions TEXT NOT NULL,
  issued_on TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'on_hold', 'ended')),
  refills_allowed INTEGER NOT NULL CHECK (refills_allowed >= 0),
  -- Refills that were not refused.
  refills_used INTEGER NOT NULL DEFAULT 0 CHECK (refills_used >= 0),
  CHECK (refills_used <= refills_allowed)
) STRICT;
CREATE INDEX prescriptions_by_patient ON prescriptions (patient_id);

CREATE TABLE refills (
  refill_id TEXT PRIMARY KEY DEFAULT (new_id('RFL')),
  prescription_id TEXT NOT NULL REFERENCES prescriptions (prescription_id),
  -- For how many days the supply lasts, counted from requested_on.
  days_supply INTEGER NOT NULL CHECK (days_supply BETWEEN 7 AND 90),
  handover TEXT NOT NULL CHECK (handover IN ('pickup', 'home_delivery')),
  status TEXT NOT NULL DEFAULT 'requested' CHECK (status IN ('requested', 'ready', 'handed_over', 'refused')),
  requested_on TEXT NOT NULL DEFAULT (today())
) STRICT;
CREATE INDEX refills_by_prescription ON refills (prescription_id);

-- A family doctor's request that a specialist sees the patient.
CREATE TABLE referrals (
  referral_id TEXT PRIMARY KEY,
  patient_id TEXT NOT NULL REFERENCES patients (patient_id),
  from_doctor_id TEXT NOT NULL REFERENCES doctors (doctor_id),
  specialty TEXT NOT NULL CHECK (specialty IN ('cardiology', 'dermatology', 'neurology', 'orthopaedics')),
  issued_on TEXT NOT NULL,
  -- Last day on which the specialist may see the patient on it.
  valid_until TEXT NOT NULL,
  -- 'open': not used yet; 'scheduled': an appointment is booked on it; 'used': the visit took place.
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'scheduled', 'used')),
  -- The appointment for which it was used.
  appointment_id TEXT REFERENCES appointments (appointment_id),
  CHECK ((status = 'open') = (appointment_id IS NULL))
) STRICT;
CREATE INDEX referrals_by_patient ON referrals (patient_id);
CREATE INDEX referrals_by_appointment ON referrals (appointment_id);

-- Appointments with their slot and doctor.
CREATE VIEW visits AS
SELECT a.appointment_id, a.patient_id, a.reason, a.status, a.booked_at, a.cancel_reason, a.cancelled_at,
  s.slot_id, s.starts_at, s.kind, d.doctor_id, d.name AS doctor_name, d.specialty, d.room
FROM appointments a
JOIN slots s ON s.slot_id = a.slot_id
JOIN doctors d ON d.doctor_id = s.doctor_id;
