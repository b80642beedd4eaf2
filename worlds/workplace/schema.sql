-- The calendars, mail and contacts of one employee. Instants are UTC, YYYY-MM-DDTHH:MM:SSZ, which is also the time of the office.

CREATE TABLE contacts (
  contact_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE CHECK (email = lower(email)),
  company TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('me', 'colleague', 'customer', 'supplier')),  -- me: the employee; customers and suppliers are outside
  phone TEXT NOT NULL
) STRICT;
CREATE INDEX contacts_by_name ON contacts (lower(name));

CREATE TABLE calendars (
  calendar_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  access TEXT NOT NULL CHECK (access IN ('own', 'edit', 'view')),      -- what the employee may do with it
  private INTEGER NOT NULL CHECK (private IN (0, 1))                   -- for herself alone
) STRICT;

CREATE TABLE events (
  event_id TEXT PRIMARY KEY DEFAULT (new_id('EV')),
  calendar_id TEXT NOT NULL REFERENCES calendars (calendar_id),
  organiser_id TEXT NOT NULL REFERENCES contacts (contact_id),
  title TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  description TEXT,
  status TEXT NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'cancelled')),
  changed_at TEXT NOT NULL DEFAULT (now()),                            -- the event, who is invited, or an answer
  CHECK (ends_at > starts_at)
) STRICT;
CREATE INDEX events_by_calendar ON events (calendar_id, starts_at);
CREATE INDEX events_by_start ON events (starts_at);

-- Who is invited. The organiser takes part without being in this list.
CREATE TABLE attendees (
  event_id TEXT NOT NULL REFERENCES events (event_id) ON DELETE CASCADE,
  contact_id TEXT NOT NULL REFERENCES contacts (contact_id),
  response TEXT NOT NULL DEFAULT 'pending' CHECK (response IN ('pending', 'accepted', 'tentative', 'declined')),
  optional INTEGER NOT NULL DEFAULT 0 CHECK (optional IN (0, 1)),
  invited_at TEXT NOT NULL DEFAULT (now()),
  PRIMARY KEY (event_id, contact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attendees_by_contact ON attendees (contact_id);

CREATE TABLE rooms (
  room_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  floor INTEGER NOT NULL,
  seats INTEGER NOT NULL CHECK (seats BETWEEN 2 AND 40),
  has_video INTEGER NOT NULL CHECK (has_video IN (0, 1))
) STRICT;

-- A meeting room is kept for an event, or by somebody for something of their own.
CREATE TABLE room_bookings (
  room_booking_id TEXT PRIMARY KEY DEFAULT (new_id('RB')),
  room_id TEXT NOT NULL REFERENCES rooms (room_id),
  booked_by TEXT NOT NULL REFERENCES contacts (contact_id),
  event_id TEXT UNIQUE REFERENCES events (event_id) ON DELETE CASCADE,
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  CHECK (ends_at > starts_at)
) STRICT;
CREATE INDEX room_bookings_by_room ON room_bookings (room_id, starts_at);

CREATE TABLE folders (
  folder_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('inbox', 'sent', 'archive', 'trash', 'custom')),
  unread_count INTEGER NOT NULL DEFAULT 0 CHECK (unread_count >= 0)
) STRICT;

CREATE TABLE messages (
  message_id TEXT PRIMARY KEY DEFAULT (new_id('MS')),
  folder_id TEXT NOT NULL REFERENCES folders (folder_id),
  sender_id TEXT NOT NULL REFERENCES contacts (contact_id),
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  sent_at TEXT NOT NULL DEFAULT (now()),
  is_read INTEGER NOT NULL DEFAULT 0 CHECK (is_read IN (0, 1)),
  is_flagged INTEGER NOT NULL DEFAULT 0 CHECK (is_flagged IN (0, 1)),
  reply_to_id TEXT REFERENCES messages (message_id)                    -- the message that it answers or forwards
) STRICT;
CREATE INDEX messages_by_folder ON messages (folder_id, sent_at);
CREATE INDEX messages_by_sender ON messages (sender_id);
CREATE INDEX messages_by_reply ON messages (reply_to_id);

CREATE TABLE recipients (
  message_id TEXT NOT NULL REFERENCES messages (message_id) ON DELETE CASCADE,
  contact_id TEXT NOT NULL REFERENCES contacts (contact_id),
  kind TEXT NOT NULL DEFAULT 'to' CHECK (kind IN ('to', 'cc')),
  PRIMARY KEY (message_id, contact_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE attachments (
  attachment_id TEXT PRIMARY KEY DEFAULT (new_id('AT')),
  message_id TEXT NOT NULL REFERENCES messages (message_id) ON DELETE CASCADE,
  file_name TEXT NOT NULL,
  size_kb INTEGER NOT NULL CHECK (size_kb > 0),
  label TEXT NOT NULL CHECK (label IN ('public', 'internal', 'confidential'))
) STRICT;
CREATE INDEX attachments_by_message ON attachments (message_id);

-- The words of subjects and bodies, kept in step by the triggers below.
CREATE VIRTUAL TABLE message_search USING fts5 (subject, body, tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER messages_added AFTER INSERT ON messages BEGIN
  INSERT INTO message_search (rowid, subject, body) VALUES (NEW.rowid, NEW.subject, NEW.body);
END;
CREATE TRIGGER messages_changed AFTER UPDATE OF subject, body ON messages BEGIN
  UPDATE message_search SET subject = NEW.subject, body = NEW.body WHERE rowid = OLD.rowid;
END;
CREATE TRIGGER messages_removed AFTER DELETE ON messages BEGIN
  DELETE FROM message_search WHERE rowid = OLD.rowid;
END;

-- When the employee is busy: what she organises and what she has accepted.
CREATE VIEW my_plan AS
SELECT e.event_id, e.starts_at, e.ends_at
FROM events e JOIN contacts me ON me.kind = 'me'
WHERE e.status = 'planned' AND (e.organiser_id = me.contact_id OR EXISTS (
  SELECT 1 FROM attendees a WHERE a.event_id = e.event_id AND a.contact_id = me.contact_id AND a.response = 'accepted'));
