-- The agent's database. The benchmark keeps lists: `position` is the place in them.

CREATE TABLE plans (
  plan_id                     TEXT PRIMARY KEY,
  position                    INTEGER NOT NULL,
  name                        TEXT NOT NULL,
  data_limit_gb               REAL NOT NULL,
  price_per_month             REAL NOT NULL,
  data_refueling_price_per_gb REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
  device_id               TEXT PRIMARY KEY,
  position                INTEGER NOT NULL,
  device_type             TEXT NOT NULL,
  model                   TEXT NOT NULL,
  imei                    TEXT,
  is_esim_capable         INTEGER NOT NULL,
  activated               INTEGER NOT NULL,
  activation_date         TEXT,
  last_esim_transfer_date TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE lines (
  line_id                   TEXT PRIMARY KEY,
  position                  INTEGER NOT NULL,
  phone_number              TEXT NOT NULL UNIQUE,
  status                    TEXT NOT NULL,
  plan_id                   TEXT NOT NULL,
  device_id                 TEXT,
  -- As it was set: a whole number stays one.
  data_used_gb              ANY NOT NULL,
  data_refueling_gb         REAL NOT NULL,
  roaming_enabled           INTEGER NOT NULL,
  contract_end_date         TEXT,
  last_plan_change_date     TEXT,
  last_sim_replacement_date TEXT,
  suspension_start_date     TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE customers (
  customer_id                   TEXT PRIMARY KEY,
  position                      INTEGER NOT NULL,
  full_name                     TEXT NOT NULL,
  date_of_birth                 TEXT NOT NULL,
  email                         TEXT NOT NULL,
  phone_number                  TEXT NOT NULL,
  street                        TEXT NOT NULL,
  city                          TEXT NOT NULL,
  state                         TEXT NOT NULL,
  zip_code                      TEXT NOT NULL,
  account_status                TEXT NOT NULL,
  created_at                    TEXT NOT NULL,
  last_extension_date           TEXT,
  goodwill_credit_used_this_year REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_payment_methods (
  customer_id           TEXT NOT NULL REFERENCES customers (customer_id),
  position              INTEGER NOT NULL,
  method_type           TEXT NOT NULL,
  account_number_last_4 TEXT NOT NULL,
  expiration_date       TEXT NOT NULL,
  PRIMARY KEY (customer_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_lines (
  customer_id TEXT NOT NULL REFERENCES customers (customer_id),
  position    INTEGER NOT NULL,
  line_id     TEXT NOT NULL REFERENCES lines (line_id),
  PRIMARY KEY (customer_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_lines_by_line ON customer_lines (line_id);

CREATE TABLE bills (
  bill_id      TEXT PRIMARY KEY,
  position     INTEGER NOT NULL,
  customer_id  TEXT NOT NULL,
  period_start TEXT NOT NULL,
  period_end   TEXT NOT NULL,
  issue_date   TEXT NOT NULL,
  total_due    REAL NOT NULL,
  due_date     TEXT NOT NULL,
  status       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- A new one comes last.
CREATE INDEX bills_by_position ON bills (position);
CREATE INDEX bills_awaiting ON bills (status) WHERE status = 'Awaiting Payment';

CREATE TABLE bill_items (
  bill_id     TEXT NOT NULL REFERENCES bills (bill_id),
  position    INTEGER NOT NULL,
  description TEXT NOT NULL,
  amount      REAL NOT NULL,
  date        TEXT NOT NULL,
  item_type   TEXT NOT NULL,
  PRIMARY KEY (bill_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_bills (
  customer_id TEXT NOT NULL REFERENCES customers (customer_id),
  position    INTEGER NOT NULL,
  bill_id     TEXT NOT NULL REFERENCES bills (bill_id),
  PRIMARY KEY (customer_id, position)
) STRICT, WITHOUT ROWID;

-- The user's database: a phone and where it is. One row each.

CREATE TABLE phone (
  id                           INTEGER PRIMARY KEY CHECK (id = 1),
  sim_card_status              TEXT NOT NULL,
  sim_card_missing             INTEGER NOT NULL,
  airplane_mode                INTEGER NOT NULL,
  network_signal_strength      TEXT NOT NULL,
  network_technology_connected TEXT NOT NULL,
  network_connection_status    TEXT NOT NULL,
  battery_level                INTEGER NOT NULL,
  data_enabled                 INTEGER NOT NULL,
  roaming_enabled              INTEGER NOT NULL,
  -- JSON: the benchmark takes any value that is no text without a check.
  network_mode_preference      TEXT NOT NULL CHECK (json_valid(network_mode_preference)),
  -- JSON: an object; the benchmark takes any other value without a check, and fails over it later.
  apn                          TEXT NOT NULL CHECK (json_valid(apn)),
  wifi_enabled                 INTEGER NOT NULL,
  wifi_connected               INTEGER NOT NULL,
  wifi_ssid                    TEXT,
  wifi_signal_strength         TEXT NOT NULL,
  wifi_calling_enabled         INTEGER NOT NULL,
  wifi_calling_mms_over_wifi   INTEGER NOT NULL,
  data_saver_mode              INTEGER NOT NULL,
  vpn_enabled_setting          INTEGER NOT NULL,
  vpn_connected                INTEGER NOT NULL,
  -- JSON, or NULL without a connection.
  vpn_details                  TEXT CHECK (json_valid(vpn_details)),
  -- How well the VPN works to which the phone connects next; not part of the benchmark's database.
  next_vpn_performance         TEXT NOT NULL
) STRICT;

CREATE TABLE apps (
  app_name TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  sms      INTEGER NOT NULL,
  storage  INTEGER NOT NULL,
  phone    INTEGER NOT NULL,
  network  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE surroundings (
  id                         INTEGER PRIMARY KEY CHECK (id = 1),
  name                       TEXT,
  phone_number               TEXT,
  is_abroad                  INTEGER NOT NULL,
  roaming_allowed            INTEGER NOT NULL,
  -- JSON: strength by technology.
  signal_strength            TEXT NOT NULL CHECK (json_valid(signal_strength)),
  mobile_data_usage_exceeded INTEGER NOT NULL,
  line_active                INTEGER NOT NULL,
  request_bill_id            TEXT,
  request_amount_due         REAL,
  request_paid               INTEGER
) STRICT;

-- An update of its row makes the phone search for a network.
CREATE TABLE network_searches (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  searches INTEGER NOT NULL
) STRICT;

CREATE TRIGGER network_search AFTER UPDATE OF searches ON network_searches BEGIN
  UPDATE phone SET (network_connection_status, network_technology_connected, network_signal_strength) = (
    SELECT iif(n.technology = 'none', 'no_service', 'connected'), n.technology,
           iif(n.technology = 'none', 'none', ifnull(n.signal_strength ->> ('$."' || n.technology || '"'), 'none'))
    FROM (
      SELECT u.signal_strength, CASE
        WHEN p.sim_card_missing OR p.sim_card_status <> 'active' OR p.airplane_mode THEN 'none'
        -- Past this point the benchmark looks at the APN settings, and stops if they are none.
        WHEN json_type(p.apn) = 'object' AND (p.apn ->> 'apn_name' = 'broken' OR NOT u.line_active) THEN 'none'
        WHEN p.network_mode_preference = '"4g_5g_preferred"'
          THEN iif(ifnull(u.signal_strength ->> '$."5G"', 'none') = 'none', '4G', '5G')
        WHEN p.network_mode_preference = '"3g_only"' THEN '3G'
        WHEN p.network_mode_preference = '"2g_only"' THEN '2G'
        ELSE '4G' END AS technology
      FROM phone p, surroundings u) n);
END;

-- What the phone notices of its line.
CREATE VIEW line_states AS
SELECT l.phone_number, l.status = 'Active' AS line_active, l.roaming_enabled AS roaming_allowed,
       l.data_used_gb >= p.data_limit_gb + l.data_refueling_gb AS exceeded
FROM lines l JOIN plans p ON p.plan_id = l.plan_id;

CREATE VIEW plan_documents AS
SELECT plan_id AS key, position,
       json_object('plan_id', plan_id, 'name', name, 'data_limit_gb', data_limit_gb,
                   'price_per_month', price_per_month,
                   'data_refueling_price_per_gb', data_refueling_price_per_gb) AS value
FROM plans;

CREATE VIEW device_documents AS
SELECT device_id AS key, position,
       json_object('device_id', device_id, 'device_type', device_type, 'model', model, 'imei', imei,
                   'is_esim_capable', json(iif(is_esim_capable, 'true', 'false')),
                   'activated', json(iif(activated, 'true', 'false')),
                   'activation_date', activation_date,
                   'last_esim_transfer_date', last_esim_transfer_date) AS value
FROM devices;

CREATE VIEW line_documents AS
SELECT line_id AS key, position,
       json_object('line_id', line_id, 'phone_number', phone_number, 'status', status,
                   'plan_id', plan_id, 'device_id', device_id, 'data_used_gb', data_used_gb,
                   'data_refueling_gb', data_refueling_gb,
                   'roaming_enabled', json(iif(roaming_enabled, 'true', 'false')),
                   'contract_end_date', contract_end_date,
                   'last_plan_change_date', last_plan_change_date,
                   'last_sim_replacement_date', last_sim_replacement_date,
                   'suspension_start_date', suspension_start_date) AS value
FROM lines;

CREATE VIEW bill_documents AS
SELECT b.bill_id AS key, b.position,
       json_object('bill_id', b.bill_id, 'customer_id', b.customer_id,
                   'period_start', b.period_start, 'period_end', b.period_end,
                   'issue_date', b.issue_date, 'total_due', b.total_due, 'due_date', b.due_date,
                   'line_items', json((SELECT json_group_array(json_object('description', i.description,
                       'amount', i.amount, 'date', i.date, 'item_type', i.item_type))
                     FROM (SELECT * FROM bill_items i WHERE i.bill_id = b.bill_id ORDER BY i.position) i)),
                   'status', b.status) AS value
FROM bills b;

CREATE VIEW customer_documents AS
SELECT c.customer_id AS key, c.position,
       json_object('customer_id', c.customer_id, 'full_name', c.full_name,
                   'date_of_birth', c.date_of_birth, 'email', c.email,
                   'phone_number', c.phone_number,
                   'address', json_object('street', c.street, 'city', c.city, 'state', c.state,
                                          'zip_code', c.zip_code),
                   'account_status', c.account_status,
                   'payment_methods', json((SELECT json_group_array(json_object('method_type', m.method_type,
                       'account_number_last_4', m.account_number_last_4,
                       'expiration_date', m.expiration_date))
                     FROM (SELECT * FROM customer_payment_methods m WHERE m.customer_id = c.customer_id ORDER BY m.position) m)),
                   'line_ids', json((SELECT json_group_array(l.line_id)
                     FROM (SELECT * FROM customer_lines l WHERE l.customer_id = c.customer_id ORDER BY l.position) l)),
                   'bill_ids', json((SELECT json_group_array(b.bill_id)
                     FROM (SELECT * FROM customer_bills b WHERE b.customer_id = c.customer_id ORDER BY b.position) b)),
                   'created_at', c.created_at, 'last_extension_date', c.last_extension_date,
                   'goodwill_credit_used_this_year', c.goodwill_credit_used_this_year) AS value
FROM customers c;

-- Whose number it is: a customer's own, or one of the customer's lines.
CREATE VIEW customer_numbers AS
SELECT c.customer_id, c.position, c.phone_number FROM customers c
UNION ALL
SELECT c.customer_id, c.position, l.phone_number
FROM lines l JOIN customer_lines o ON o.line_id = l.line_id JOIN customers c ON c.customer_id = o.customer_id;

-- The bills that wait to be paid, by the number of their customer; the first one has place 1.
CREATE VIEW awaiting_bills AS
SELECT n.phone_number, b.bill_id, b.total_due,
       row_number() OVER (PARTITION BY n.phone_number ORDER BY n.position, o.position) AS place
FROM bills b
JOIN customer_bills o ON o.bill_id = b.bill_id
JOIN customer_numbers n ON n.customer_id = o.customer_id
WHERE b.status = 'Awaiting Payment'
  AND n.position = (SELECT min(f.position) FROM customer_numbers f WHERE f.phone_number = n.phone_number);

CREATE VIEW phone_documents AS
SELECT CAST(p.id AS TEXT) AS key,
       json_object('sim_card_status', p.sim_card_status,
                   'sim_card_missing', json(iif(p.sim_card_missing, 'true', 'false')),
                   'airplane_mode', json(iif(p.airplane_mode, 'true', 'false')),
                   'network_signal_strength', p.network_signal_strength,
                   'network_technology_connected', p.network_technology_connected,
                   'network_connection_status', p.network_connection_status,
                   'battery_level', p.battery_level,
                   'data_enabled', json(iif(p.data_enabled, 'true', 'false')),
                   'roaming_enabled', json(iif(p.roaming_enabled, 'true', 'false')),
                   'network_mode_preference', json(p.network_mode_preference),
                   'active_apn_settings', json(p.apn),
                   'wifi_enabled', json(iif(p.wifi_enabled, 'true', 'false')),
                   'wifi_connected', json(iif(p.wifi_connected, 'true', 'false')),
                   'wifi_ssid', p.wifi_ssid, 'wifi_signal_strength', p.wifi_signal_strength,
                   'wifi_calling_enabled', json(iif(p.wifi_calling_enabled, 'true', 'false')),
                   'wifi_calling_mms_over_wifi',
                   json(iif(p.wifi_calling_mms_over_wifi, 'true', 'false')),
                   'data_saver_mode', json(iif(p.data_saver_mode, 'true', 'false')),
                   'vpn_enabled_setting', json(iif(p.vpn_enabled_setting, 'true', 'false')),
                   'vpn_connected', json(iif(p.vpn_connected, 'true', 'false')),
                   'vpn_details', json(p.vpn_details),
                   'app_statuses', json((SELECT json_group_object(a.app_name, json_object('app_name', a.app_name,
                       'permissions', json_object('sms', json(iif(a.sms, 'true', 'false')),
                         'storage', json(iif(a.storage, 'true', 'false')),
                         'phone', json(iif(a.phone, 'true', 'false')),
                         'network', json(iif(a.network, 'true', 'false')))) ORDER BY a.position)
                     FROM apps a))) AS value
FROM phone p;

CREATE VIEW surroundings_documents AS
SELECT CAST(id AS TEXT) AS key,
       json_object('name', name, 'phone_number', phone_number,
                   'is_abroad', json(iif(is_abroad, 'true', 'false')),
                   'roaming_allowed', json(iif(roaming_allowed, 'true', 'false')),
                   'signal_strength', json(signal_strength),
                   'mobile_data_usage_exceeded', json(iif(mobile_data_usage_exceeded, 'true', 'false')),
                   'line_active', json(iif(line_active, 'true', 'false')),
                   'payment_request', json(iif(request_bill_id IS NULL, NULL,
                     json_object('bill_id', request_bill_id, 'amount_due', request_amount_due,
                                 'paid', json(iif(request_paid, 'true', 'false')))))) AS value
FROM surroundings;

-- The line of icons at the top of the screen, with what stands before it in most replies.
CREATE VIEW status_bar AS
SELECT 'Status Bar: '
  || CASE WHEN airplane_mode THEN '✈️ Airplane Mode' ELSE
       CASE network_signal_strength WHEN 'poor' THEN '📶¹ Poor' WHEN 'fair' THEN '📶² Fair'
         WHEN 'good' THEN '📶³ Good' WHEN 'excellent' THEN '📶⁴ Excellent' ELSE '📵 No Signal' END
       || iif(network_technology_connected = 'none', '', ' | ' || network_technology_connected)
       || iif(data_enabled AND network_technology_connected <> 'none',
              ' | 📱 Data Enabled' || iif(data_saver_mode, ' | 🔽 Data Saver', ''),
              ' | 📵 Data Disabled') END
  || iif(wifi_enabled AND wifi_connected,
         iif(ifnull(wifi_ssid, '') = '', ' | 📡 Enabled', ' | 📡 Connected to ' || wifi_ssid), '')
  || iif(vpn_connected, ' | 🔒 VPN Connected', '')
  || ' | 🔋 ' || battery_level || '%' AS text
FROM phone;

-- Whether mobile data reach the phone.
CREATE VIEW mobile_data AS
SELECT NOT (p.airplane_mode OR p.network_signal_strength = 'none'
            OR p.network_connection_status = 'no_service'
            OR (s.is_abroad AND NOT (p.roaming_enabled AND s.roaming_allowed))
            OR NOT p.data_enabled OR s.mobile_data_usage_exceeded) AS working
FROM phone p, surroundings s;

-- The speed of mobile data; NULL without a connection.
CREATE VIEW speed_test AS
SELECT speed, CASE WHEN speed IS NULL THEN 'No Connection' WHEN speed < 1 THEN 'Very Poor'
                   WHEN speed < 5 THEN 'Poor' WHEN speed < 25 THEN 'Fair'
                   WHEN speed < 100 THEN 'Good' ELSE 'Excellent' END AS description
FROM (SELECT iif((SELECT working FROM mobile_data), round_half_even(
        CASE network_technology_connected
          WHEN '2G' THEN (0.1 + 0.4) / 2.0 WHEN '3G' THEN (1.0 + 5.0) / 2.0
          WHEN '4G' THEN (10.0 + 100.0) / 2.0 WHEN '5G' THEN (50.0 + 500.0) / 2.0 ELSE 0.0 END
        * CASE network_signal_strength WHEN 'poor' THEN 0.2 WHEN 'fair' THEN 0.5
            WHEN 'good' THEN 0.8 WHEN 'excellent' THEN 1.0 ELSE 0.0 END
        * (iif(vpn_connected AND vpn_details ->> 'server_performance' = 'poor', 0.1, 1.0)
           * iif(data_saver_mode, 0.2, 1.0)), 2), NULL) AS speed
      FROM phone);

-- Whether a picture message can be sent, and whether that depends on the APN settings at all.
CREATE VIEW picture_messages AS
SELECT asks AND ifnull(p.apn ->> 'mmsc_url', NULL) IS NOT NULL
         AND ifnull((SELECT a.storage AND a.sms FROM apps a WHERE a.app_name = 'messaging'), 0) AS possible,
       asks AND json_type(p.apn) <> 'object' AS stuck
FROM phone p, (
  SELECT (SELECT working FROM mobile_data) AND network_technology_connected <> '2G'
         AND NOT (wifi_calling_enabled AND wifi_calling_mms_over_wifi) AS asks FROM phone);
