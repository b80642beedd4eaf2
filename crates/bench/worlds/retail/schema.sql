-- The benchmark keeps ordered dictionaries and lists: `position` is the place in them.

CREATE TABLE products (
  product_id TEXT PRIMARY KEY,
  position   INTEGER NOT NULL,
  name       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE variants (
  product_id TEXT NOT NULL REFERENCES products (product_id),
  item_id    TEXT NOT NULL,
  position   INTEGER NOT NULL,
  available  INTEGER NOT NULL CHECK (available IN (0, 1)),
  price      REAL NOT NULL,
  options    TEXT NOT NULL CHECK (json_valid(options)),
  PRIMARY KEY (product_id, item_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX variants_by_item ON variants (item_id);
CREATE INDEX variants_in_order ON variants (product_id, position);

CREATE TABLE users (
  user_id    TEXT PRIMARY KEY,
  position   INTEGER NOT NULL,
  first_name TEXT NOT NULL,
  last_name  TEXT NOT NULL,
  address1   TEXT NOT NULL,
  address2   TEXT NOT NULL,
  city       TEXT NOT NULL,
  country    TEXT NOT NULL,
  state      TEXT NOT NULL,
  zip        TEXT NOT NULL,
  email      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX users_by_name ON users (lower(first_name), lower(last_name));
CREATE INDEX users_by_email ON users (lower(email));

CREATE TABLE payment_methods (
  user_id   TEXT NOT NULL REFERENCES users (user_id),
  method_id TEXT NOT NULL,
  position  INTEGER NOT NULL,
  source    TEXT NOT NULL CHECK (source IN ('credit_card', 'paypal', 'gift_card')),
  brand     TEXT,
  last_four TEXT,
  balance   REAL,
  PRIMARY KEY (user_id, method_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_methods_in_order ON payment_methods (user_id, position);

CREATE TABLE user_orders (
  user_id  TEXT NOT NULL REFERENCES users (user_id),
  position INTEGER NOT NULL,
  order_id TEXT NOT NULL,
  PRIMARY KEY (user_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
  order_id                   TEXT PRIMARY KEY,
  position                   INTEGER NOT NULL,
  user_id                    TEXT NOT NULL,
  address1                   TEXT NOT NULL,
  address2                   TEXT NOT NULL,
  city                       TEXT NOT NULL,
  country                    TEXT NOT NULL,
  state                      TEXT NOT NULL,
  zip                        TEXT NOT NULL,
  status                     TEXT NOT NULL,
  cancel_reason              TEXT,
  exchange_items             TEXT CHECK (json_valid(exchange_items)),
  exchange_new_items         TEXT CHECK (json_valid(exchange_new_items)),
  exchange_payment_method_id TEXT,
  -- The whole number 0 when nothing is exchanged, else a real.
  exchange_price_difference  ANY,
  return_items               TEXT CHECK (json_valid(return_items)),
  return_payment_method_id   TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE order_items (
  order_id   TEXT NOT NULL REFERENCES orders (order_id),
  position   INTEGER NOT NULL,
  name       TEXT NOT NULL,
  product_id TEXT NOT NULL,
  item_id    TEXT NOT NULL,
  price      REAL NOT NULL,
  options    TEXT NOT NULL CHECK (json_valid(options)),
  PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE fulfillments (
  order_id    TEXT NOT NULL REFERENCES orders (order_id),
  position    INTEGER NOT NULL,
  tracking_id TEXT NOT NULL CHECK (json_valid(tracking_id)),
  item_ids    TEXT NOT NULL CHECK (json_valid(item_ids)),
  PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE payments (
  order_id         TEXT NOT NULL REFERENCES orders (order_id),
  position         INTEGER NOT NULL,
  transaction_type TEXT NOT NULL,
  amount           REAL NOT NULL,
  method_id        TEXT NOT NULL,
  PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

CREATE VIEW variant_details AS
SELECT product_id, position, item_id, json(options) AS options,
       json(iif(available, 'true', 'false')) AS available, price
FROM variants;

CREATE VIEW product_details AS
SELECT p.product_id, p.name,
       (SELECT json_group_object(v.item_id, json_object('item_id', v.item_id, 'options', json(v.options),
                                                        'available', json(v.available), 'price', v.price))
        FROM (SELECT * FROM variant_details v WHERE v.product_id = p.product_id ORDER BY v.position) v) AS variants
FROM products p;

CREATE VIEW product_documents AS
SELECT product_id AS key,
       json_object('name', name, 'product_id', product_id, 'variants', json(variants)) AS value
FROM product_details;

CREATE VIEW user_details AS
SELECT u.user_id,
       json_object('first_name', u.first_name, 'last_name', u.last_name) AS name,
       json_object('address1', u.address1, 'address2', u.address2, 'city', u.city, 'country', u.country,
                   'state', u.state, 'zip', u.zip) AS address,
       u.email,
       (SELECT json_group_object(m.method_id,
                 CASE m.source
                   WHEN 'credit_card' THEN json_object('source', m.source, 'id', m.method_id,
                                                       'brand', m.brand, 'last_four', m.last_four)
                   WHEN 'gift_card' THEN json_object('source', m.source, 'id', m.method_id,
                                                     'balance', m.balance)
                   ELSE json_object('source', m.source, 'id', m.method_id)
                 END)
        FROM (SELECT * FROM payment_methods m WHERE m.user_id = u.user_id ORDER BY m.position) m) AS payment_methods,
       (SELECT json_group_array(o.order_id)
        FROM (SELECT * FROM user_orders o WHERE o.user_id = u.user_id ORDER BY o.position) o) AS orders
FROM users u;

CREATE VIEW user_documents AS
SELECT user_id AS key,
       json_object('user_id', user_id, 'name', json(name), 'address', json(address), 'email', email,
                   'payment_methods', json(payment_methods), 'orders', json(orders)) AS value
FROM user_details;

CREATE VIEW order_details AS
SELECT o.order_id, o.user_id,
       json_object('address1', o.address1, 'address2', o.address2, 'city', o.city, 'country', o.country,
                   'state', o.state, 'zip', o.zip) AS address,
       (SELECT json_group_array(json_object('name', i.name, 'product_id', i.product_id,
                                            'item_id', i.item_id, 'price', i.price,
                                            'options', json(i.options)))
        FROM (SELECT * FROM order_items i WHERE i.order_id = o.order_id ORDER BY i.position) i) AS items,
       o.status,
       (SELECT json_group_array(json_object('tracking_id', json(f.tracking_id),
                                            'item_ids', json(f.item_ids)))
        FROM (SELECT * FROM fulfillments f WHERE f.order_id = o.order_id ORDER BY f.position) f) AS fulfillments,
       (SELECT json_group_array(json_object('transaction_type', p.transaction_type, 'amount', p.amount,
                                            'payment_method_id', p.method_id))
        FROM (SELECT * FROM payments p WHERE p.order_id = o.order_id ORDER BY p.position) p) AS payment_history,
       o.cancel_reason, o.exchange_items, o.exchange_new_items, o.exchange_payment_method_id,
       o.exchange_price_difference, o.return_items, o.return_payment_method_id
FROM orders o;

CREATE VIEW order_documents AS
SELECT order_id AS key,
       json_object('order_id', order_id, 'user_id', user_id, 'address', json(address),
                   'items', json(items), 'status', status, 'fulfillments', json(fulfillments),
                   'payment_history', json(payment_history), 'cancel_reason', cancel_reason,
                   'exchange_items', json(exchange_items),
                   'exchange_new_items', json(exchange_new_items),
                   'exchange_payment_method_id', exchange_payment_method_id,
                   'exchange_price_difference', exchange_price_difference,
                   'return_items', json(return_items),
                   'return_payment_method_id', return_payment_method_id) AS value
FROM order_details;
