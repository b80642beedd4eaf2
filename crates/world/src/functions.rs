//! The functions that the engine adds to SQLite, and what they share with a session.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regex::Regex;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Result};
use sha2::{Digest, Sha256};

use crate::cell::Cell;
use crate::instant;
use crate::sql::is_refused_function;

/// A pure function that an embedding program offers to worlds by name.
pub type PureFunction = Arc<dyn Fn(&[Cell]) -> std::result::Result<Cell, String> + Send + Sync>;

/// Pure functions by name, for worlds whose tools need more than SQL: rankings, solvers.
///
/// They must be deterministic: the same arguments, the same result, on every machine.
#[derive(Clone, Default)]
pub struct Functions {
    by_name: BTreeMap<String, (i32, PureFunction)>,
}

impl Functions {
    /// Adds a function of `arguments` arguments; -1 allows any number. A world refuses functions that bear
    /// a name of [`FUNCTIONS`] or of [`crate::REFUSED_FUNCTIONS`].
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        arguments: i32,
        function: impl Fn(&[Cell]) -> std::result::Result<Cell, String> + Send + Sync + 'static,
    ) {
        self.by_name
            .insert(name.into(), (arguments, Arc::new(function)));
    }
}

impl Functions {
    /// The first name that is the engine's or SQLite's to keep.
    pub(crate) fn taken(&self) -> Option<&str> {
        let mut names = self.by_name.keys().map(String::as_str);
        names.find(|name| {
            let lower = name.to_ascii_lowercase();
            FUNCTIONS.contains(&&*lower) || is_refused_function(&lower)
        })
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.by_name.keys()).finish()
    }
}

/// The functions that the engine adds to SQLite's own, or that take the place of SQLite's own.
pub const FUNCTIONS: [&str; 23] = [
    "called",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "haversine_km",
    "julianday",
    "lower",
    "minted",
    "new_id",
    "now",
    "random_int",
    "regexp",
    "round_half_even",
    "sha256",
    "strftime",
    "sum_in_order",
    "time",
    "timediff",
    "today",
    "unixepoch",
    "upper",
];

/// An id that was minted in a session, and the position of its counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MintedText {
    pub(crate) id: Arc<str>,
    pub(crate) counter: usize,
}

/// What the functions of one connection share with its session.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) now: i64,
    pub(crate) seed: u64,
    pub(crate) id_digits: u32,
    /// An initial state is being made: its ids must not meet those that sessions mint.
    pub(crate) initial: bool,
    mint: Option<Mint>,
    /// Per prefix, how many ids were minted.
    pub(crate) counters: Vec<(String, u64)>,
    pub(crate) minted: Vec<MintedText>,
    /// Touched rows since the last reset: the table's position and the key.
    pub(crate) touched: Vec<(u16, Vec<Cell>)>,
    /// Rows changed by the current call in tables that rules watch.
    pub(crate) changed: Vec<Changed>,
    /// Hash of the current call: tool, canonical arguments, occurrence.
    pub(crate) call: [u8; 32],
    pub(crate) draws: u64,
    /// Successful calls so far, for rules that look back; empty in worlds that have none.
    pub(crate) calls: Vec<PastCall>,
    /// Earlier calls that rules asked for during the current call, and that were never made.
    pub(crate) missed: Vec<LookBack>,
}

impl Shared {
    /// What mints the session's ids; kept while its seed is the same.
    fn mint(&mut self) -> &Mint {
        let (seed, digits) = (self.seed, self.id_digits);
        self.mint
            .take_if(|mint| (mint.seed, mint.digits) != (seed, digits));
        self.mint.get_or_insert_with(|| Mint::new(seed, digits))
    }
}

/// What a rule asked of the earlier calls of a session: `called('tool', 'argument', value, ...)`.
#[derive(Debug, Clone, PartialEq)]
pub struct LookBack {
    /// The tool.
    pub tool: String,
    /// The arguments and values that had to be given; none when any call of the tool would do.
    pub given: Vec<(String, Cell)>,
}

/// Distinct questions about earlier calls that are kept of one call.
const MOST_MISSED: usize = 64;

/// A successful call that a rule may look back at.
#[derive(Debug, Clone)]
pub(crate) struct PastCall {
    pub(crate) tool: Arc<str>,
    pub(crate) arguments: Arc<serde_json::Map<String, serde_json::Value>>,
}

impl PastCall {
    /// True when the argument was given with this value, or is a list that holds it.
    fn gave(&self, argument: &str, value: &Cell) -> bool {
        match self.arguments.get(argument) {
            None => *value == Cell::Null,
            Some(serde_json::Value::Array(elements)) => elements
                .iter()
                .any(|element| Cell::from_json(element) == *value),
            Some(given) => Cell::from_json(given) == *value,
        }
    }
}

/// One change of a row: OLD and NEW values in the order of the table's columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Changed {
    pub(crate) table: u16,
    pub(crate) old: Option<Vec<Cell>>,
    pub(crate) new: Option<Vec<Cell>>,
}

/// What the functions of one connection share with its session, and the budget of the current call.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    shared: Mutex<Shared>,
    /// Steps of SQLite's virtual machine left to the current call.
    pub(crate) steps: AtomicI64,
    /// Patterns that the current call has matched with.
    patterns: Mutex<Vec<String>>,
    /// The world's triggers are silent: rows are brought back that hold what these once did.
    pub(crate) silent: AtomicBool,
}

/// The function that the world's triggers ask whether to fire.
pub(crate) const FIRES: &str = "__fires";

/// The progress handler runs once per this many steps of SQLite's virtual machine.
pub(crate) const STEP_UNIT: i32 = 1_000;

impl Cells {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the next call, or rule, this many steps.
    pub(crate) fn set_budget(&self, steps: i64) {
        self.steps.store(steps, Ordering::Relaxed);
        self.patterns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// True when the current call matches with this pattern for the first time.
    fn is_new(&self, pattern: &str) -> bool {
        let mut known = self.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        let new = !known.iter().any(|own| own == pattern);
        if new {
            known.push(pattern.to_string());
        }
        new
    }

    /// Charges work that SQLite's step counter does not see, as if it had taken this many steps.
    ///
    /// # Errors
    /// When the budget is spent.
    fn charge(&self, steps: usize) -> Result<()> {
        let steps = steps as i64;
        if self.steps.fetch_sub(steps, Ordering::Relaxed) < steps {
            return Err(failed("limit: the call ran too long"));
        }
        Ok(())
    }
}

/// Lets SQLite call the engine's functions on this connection.
pub(crate) fn register(
    connection: &Connection,
    cells: &Arc<Cells>,
    functions: &Functions,
) -> Result<()> {
    session_functions(connection, cells)?;
    date_functions(connection, cells)?;
    pure_functions(connection, cells)?;
    for (name, (arguments, function)) in &functions.by_name {
        let function = Arc::clone(function);
        connection.create_scalar_function(
            name.as_str(),
            *arguments,
            FunctionFlags::SQLITE_UTF8
                | FunctionFlags::SQLITE_DETERMINISTIC
                | FunctionFlags::SQLITE_INNOCUOUS,
            move |context| {
                let arguments = cells_of(context)?;
                function(&arguments)
                    .map(into_value)
                    .map_err(|message| Error::UserFunctionError(message.into()))
            },
        )?;
    }
    Ok(())
}

fn cells_of(context: &Context<'_>) -> Result<Vec<Cell>> {
    (0..context.len())
        .map(|at| Cell::from_sql(context.get_raw(at)).map_err(|error| failed(&error.to_string())))
        .collect()
}

fn into_value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(value) => Value::Integer(value),
        Cell::Real(value) => Value::Real(value),
        Cell::Text(text) => Value::Text(text.to_string()),
    }
}

fn failed(message: &str) -> Error {
    Error::UserFunctionError(message.to_string().into())
}

fn text_of(context: &Context<'_>, at: usize) -> Result<Option<String>> {
    Ok(match context.get_raw(at) {
        ValueRef::Null | ValueRef::Blob(_) => None,
        ValueRef::Integer(value) => Some(value.to_string()),
        ValueRef::Real(value) => Some(value.to_string()),
        ValueRef::Text(bytes) => Some(
            std::str::from_utf8(bytes)
                .map_err(|error| failed(&error.to_string()))?
                .to_string(),
        ),
    })
}

fn real_of(context: &Context<'_>, at: usize) -> Option<f64> {
    match context.get_raw(at) {
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Real(value) => Some(value),
        _ => None,
    }
}

/// Functions that read or advance the session. Never deterministic in SQLite's sense: it would give
/// three rows one id.
fn session_functions(connection: &Connection, cells: &Arc<Cells>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    // Only the engine's own TEMP triggers may call these.
    let direct = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;

    let own = Arc::clone(cells);
    connection.create_scalar_function("now", 0, flags, move |_| {
        Ok(instant::format(own.lock().now))
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function("today", 0, flags, move |_| {
        Ok(instant::format_date(own.lock().now))
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function("new_id", 1, flags, move |context| {
        let prefix = text_of(context, 0)?.unwrap_or_default();
        let mut shared = own.lock();
        let counter = match shared
            .counters
            .iter()
            .position(|(known, _)| *known == prefix)
        {
            Some(position) => position,
            None => {
                shared.counters.push((prefix.clone(), 0));
                shared.counters.len() - 1
            }
        };
        let number = shared.counters[counter].1;
        let id = if shared.initial {
            initial_id(&prefix, number, shared.id_digits, shared.seed)
        } else {
            shared.mint().id(&prefix, number)
        };
        let id = id.ok_or_else(|| failed("limit: no more ids can be minted in this session"))?;
        shared.counters[counter].1 += 1;
        let id: Arc<str> = id.into();
        shared.minted.push(MintedText {
            id: Arc::clone(&id),
            counter,
        });
        Ok(id.to_string())
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function("random_int", 2, flags, move |context| {
        let low: i64 = context.get(0)?;
        let high: i64 = context.get(1)?;
        if low > high {
            return Err(failed("random_int: the first bound is above the second"));
        }
        let mut shared = own.lock();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&shared.seed.to_le_bytes());
        hasher.update(&shared.call);
        hasher.update(&shared.draws.to_le_bytes());
        shared.draws += 1;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        let span = (i128::from(high) - i128::from(low) + 1) as u128;
        let offset = (u128::from(u64::from_le_bytes(bytes)) * span) >> 64;
        Ok((i128::from(low) + offset as i128) as i64)
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function(FIRES, 0, flags, move |_| {
        Ok(!own.silent.load(Ordering::Relaxed))
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function("called", -1, direct, move |context| {
        let tool = text_of(context, 0)?.unwrap_or_default();
        if context.len() % 2 == 0 {
            return Err(failed(
                "called: give a tool, and arguments each with its value",
            ));
        }
        let asked = (1..context.len())
            .step_by(2)
            .map(|at| {
                let value = Cell::from_sql(context.get_raw(at + 1))
                    .map_err(|error| failed(&error.to_string()))?;
                Ok((text_of(context, at)?.unwrap_or_default(), value))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut shared = own.lock();
        let count = shared
            .calls
            .iter()
            .filter(|call| {
                *call.tool == *tool
                    && asked
                        .iter()
                        .all(|(argument, value)| call.gave(argument, value))
            })
            .count();
        if count == 0 && shared.missed.len() < MOST_MISSED {
            let missed = LookBack { tool, given: asked };
            if !shared.missed.contains(&missed) {
                shared.missed.push(missed);
            }
        }
        Ok(count as i64)
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function("minted", 1, direct, move |context| {
        let id = text_of(context, 0)?;
        let shared = own.lock();
        let made = id.is_some_and(|id| shared.minted.iter().any(|own| *own.id == *id));
        Ok(i64::from(made))
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function("__touch", -1, direct, move |context| {
        let table: u16 = context.get(0)?;
        let mut key = Vec::with_capacity(context.len() - 1);
        for at in 1..context.len() {
            key.push(
                Cell::from_sql(context.get_raw(at)).map_err(|error| failed(&error.to_string()))?,
            );
        }
        if key == [Cell::Integer(i64::MAX)] {
            // SQLite would draw the next rowid at random.
            return Err(failed("limit: no key can follow this one"));
        }
        let mut shared = own.lock();
        if shared
            .touched
            .last()
            .is_none_or(|(last, last_key)| *last != table || *last_key != key)
        {
            shared.touched.push((table, key));
        }
        Ok(0)
    })?;
    connection.create_scalar_function("__hold", -1, direct, |context| {
        for at in 0..context.len() {
            let sound = match context.get_raw(at) {
                ValueRef::Text(bytes) => std::str::from_utf8(bytes).is_ok(),
                ValueRef::Real(value) => value.is_finite(),
                ValueRef::Blob(_) => false,
                ValueRef::Null | ValueRef::Integer(_) => true,
            };
            if !sound {
                return Err(failed(
                    "a value cannot be held: a number that is not finite, or text that is not Unicode",
                ));
            }
        }
        Ok(0)
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function("__change", -1, direct, move |context| {
        let table: u16 = context.get(0)?;
        let kind: String = context.get(1)?;
        let values = cells_of(context)?.split_off(2);
        let half = values.len() / 2;
        let (old, new) = match kind.as_str() {
            "I" => (None, Some(values)),
            "D" => (Some(values), None),
            _ => (Some(values[..half].to_vec()), Some(values[half..].to_vec())),
        };
        own.lock().changed.push(Changed { table, old, new });
        Ok(0)
    })
}

/// The ids that a session mints: digits that begin with 9, in an order that the seed shuffles, so that the
/// next id cannot be read off the last one.
#[derive(Debug)]
pub(crate) struct Mint {
    seed: u64,
    digits: u32,
    span: u64,
    order: Permutation,
}

impl Mint {
    /// Ids of this many digits.
    pub(crate) fn new(seed: u64, digits: u32) -> Self {
        let span = 10u64.saturating_pow(digits.saturating_sub(1));
        Self {
            seed,
            digits,
            span,
            order: Permutation::new(span, seed ^ 0x006d_696e_7465_6400),
        }
    }

    /// The `number`th id of a prefix; None when there are no more.
    pub(crate) fn id(&self, prefix: &str, number: u64) -> Option<String> {
        let place = self.span.checked_mul(9)?;
        let shuffled = (number < self.span).then(|| self.order.at(number))?;
        Some(format!("{prefix}{}", place.checked_add(shuffled)?))
    }
}

/// The `number`th id that an initial state mints for a prefix: of the ids that the `id` generator gives,
/// the last one first, so that the two never meet either.
fn initial_id(prefix: &str, number: u64, digits: u32, seed: u64) -> Option<String> {
    let count = 8 * 10u64.checked_pow(digits.saturating_sub(1))?;
    generated_id(prefix, count.checked_sub(number + 1)?, digits, seed)
}

/// The `number`th id of a prefix in generated rows: digits that begin with 1 to 8, since those that begin
/// with 9 are for `new_id`.
pub(crate) fn generated_id(prefix: &str, number: u64, digits: u32, seed: u64) -> Option<String> {
    let span = 10u64.checked_pow(digits.saturating_sub(1))?;
    let count = 8 * span;
    if number >= count {
        return None;
    }
    let mut key = [0; 8];
    key.copy_from_slice(&blake3::hash(prefix.as_bytes()).as_bytes()[..8]);
    let order = Permutation::new(count, seed ^ u64::from_le_bytes(key));
    Some(format!("{prefix}{}", span + order.at(number)))
}

/// A permutation of `0..span` chosen by a key: multiplication by a number coprime to the span, and an
/// offset.
#[derive(Debug)]
pub(crate) struct Permutation {
    span: u64,
    factor: u64,
    offset: u64,
}

impl Permutation {
    pub(crate) fn new(span: u64, key: u64) -> Self {
        let hash = blake3::hash(&key.to_le_bytes());
        let mut parts = hash.as_bytes().chunks_exact(8).map(|bytes| {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        let (factor, offset) = (parts.next().unwrap_or(1), parts.next().unwrap_or(0));
        let mut factor = (factor % span) | 1;
        while greatest_common_divisor(factor, span) != 1 {
            factor += 2;
        }
        Self {
            span,
            factor,
            offset: offset % span,
        }
    }

    pub(crate) fn at(&self, number: u64) -> u64 {
        let product = u128::from(number) * u128::from(self.factor);
        ((product + u128::from(self.offset)) % u128::from(self.span)) as u64
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

thread_local! {
    /// A connection with SQLite's own date functions, to which ours delegate.
    static DATES: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// SQLite's date functions with the session's clock in place of the wall clock, also where 'now' comes
/// as data.
fn date_functions(connection: &Connection, cells: &Arc<Cells>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    for (name, first) in [
        ("date", 0),
        ("time", 0),
        ("datetime", 0),
        ("julianday", 0),
        ("unixepoch", 0),
        ("strftime", 1),
        ("timediff", 0),
    ] {
        let own = Arc::clone(cells);
        connection.create_scalar_function(name, -1, flags, move |context| {
            let now = own.lock().now;
            let mut values: Vec<Value> = (0..context.len())
                .map(|at| context.get::<Value>(at))
                .collect::<Result<_>>()?;
            if values.len() == first {
                values.push(Value::Text("now".into()));
            }
            let times = if name == "timediff" { 2 } else { 1 };
            let mut subsecond = false;
            for (at, value) in values.iter_mut().enumerate() {
                let text = match value {
                    Value::Text(text) => text,
                    Value::Blob(_) => return Err(failed(&format!("{name}: a BLOB is no time"))),
                    _ => continue,
                };
                // SQLite reads up to the first U+0000 only: 'now' could hide before one.
                if text.contains('\0') {
                    return Err(failed(&format!("{name}: a text holds U+0000")));
                }
                let word = text.trim().to_ascii_lowercase();
                if (first..first + times).contains(&at) && word == "now" {
                    *text = instant::format_sql(now);
                } else if (first..first + times).contains(&at)
                    && ["subsec", "subsecond"].contains(&word.as_str())
                {
                    // In the place of a time it stands for the time now, with fractions.
                    *text = instant::format_sql(now);
                    subsecond = times == 1;
                } else if word == "localtime" || word == "utc" {
                    return Err(failed(&format!(
                        "{name}: the modifier '{word}' would depend on the machine's time zone"
                    )));
                } else if word == "now" {
                    return Err(failed(&format!("{name}: 'now' is not a modifier")));
                }
            }
            if subsecond {
                values.insert(first + 1, Value::Text("subsec".into()));
            }
            delegate(name, &values)
        })?;
    }
    let own = Arc::clone(cells);
    connection.create_scalar_function("current_date", 0, flags, move |_| {
        Ok(instant::format_date(own.lock().now))
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function("current_timestamp", 0, flags, move |_| {
        Ok(instant::format_sql(own.lock().now))
    })?;
    let own = Arc::clone(cells);
    connection.create_scalar_function("current_time", 0, flags, move |_| {
        Ok(instant::format_sql(own.lock().now)[11..].to_string())
    })
}

fn delegate(name: &str, values: &[Value]) -> Result<Value> {
    DATES.with(|dates| {
        let mut dates = dates.borrow_mut();
        let connection = match &mut *dates {
            Some(connection) => connection,
            empty => empty.insert(Connection::open_in_memory()?),
        };
        let places = vec!["?"; values.len()].join(",");
        let mut statement = connection.prepare_cached(&format!("SELECT {name}({places})"))?;
        statement.query_row(rusqlite::params_from_iter(values), |row| row.get(0))
    })
}

thread_local! {
    /// Compiled patterns of `regexp` with the size that each needs, the most recent last.
    static PATTERNS: RefCell<Vec<Compiled>> = const { RefCell::new(Vec::new()) };
}

/// A pattern, and its program unless it is wrong or too large, with the program's size in bytes as a
/// power of four.
type Compiled = (String, Option<(Regex, usize)>);

/// Sizes of programs that are tried in turn. The time to match is at most proportional to the size of
/// the program times the length of the text, so a call pays for both.
const PATTERN_BYTES: [usize; 4] = [4 << 10, 16 << 10, 64 << 10, 256 << 10];

/// The program of a pattern and its size.
fn compiled(pattern: &str) -> Option<(Regex, usize)> {
    PATTERN_BYTES.iter().find_map(|size| {
        regex::RegexBuilder::new(pattern)
            .size_limit(*size)
            .dfa_size_limit(1 << 20)
            .build()
            .ok()
            .map(|own| (own, *size))
    })
}

fn matches(pattern: &str, text: &str, cells: &Cells) -> Result<bool> {
    // What a call pays must not depend on what other calls have compiled before.
    let new = cells.is_new(pattern);
    cells.charge(if new { pattern.len() } else { 0 })?;
    PATTERNS.with(|patterns| {
        let mut patterns = patterns.borrow_mut();
        let known = patterns.iter().position(|(known, _)| known == pattern);
        let position = match known {
            Some(position) => position,
            None => {
                if patterns.len() >= 64 {
                    patterns.remove(0);
                }
                patterns.push((pattern.to_string(), compiled(pattern)));
                patterns.len() - 1
            }
        };
        let compiled = &patterns[position].1;
        if new {
            let largest = PATTERN_BYTES[PATTERN_BYTES.len() - 1];
            cells.charge(compiled.as_ref().map_or(largest, |(_, size)| *size) / 8)?;
        }
        match compiled {
            Some((pattern, size)) => {
                cells.charge(text.len() * (size / PATTERN_BYTES[0]) / 16)?;
                Ok(pattern.is_match(text))
            }
            None => Err(failed(
                "regexp: the pattern is not a valid expression, or too large",
            )),
        }
    })
}

fn pure_functions(connection: &Connection, cells: &Arc<Cells>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    let own = Arc::clone(cells);
    connection.create_scalar_function("regexp", 2, flags, move |context| {
        let (Some(pattern), Some(text)) = (text_of(context, 0)?, text_of(context, 1)?) else {
            return Ok(None);
        };
        matches(&pattern, &text, &own).map(Some)
    })?;
    for (name, upper) in [("lower", false), ("upper", true)] {
        let own = Arc::clone(cells);
        connection.create_scalar_function(name, 1, flags, move |context| {
            let Some(text) = text_of(context, 0)? else {
                return Ok(None);
            };
            own.charge(text.len() / 4)?;
            Ok(Some(if upper {
                text.to_uppercase()
            } else {
                text.to_lowercase()
            }))
        })?;
    }
    let own = Arc::clone(cells);
    connection.create_scalar_function("sha256", 1, flags, move |context| {
        let Some(text) = text_of(context, 0)? else {
            return Ok(None);
        };
        own.charge(text.len() / 4)?;
        let digest = Sha256::digest(text.as_bytes());
        Ok(Some(
            digest
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        ))
    })?;
    connection.create_scalar_function("round_half_even", 2, flags, |context| {
        let places: i64 = context.get(1)?;
        Ok(real_of(context, 0).map(|value| round_half_even(value, places)))
    })?;
    connection.create_scalar_function("haversine_km", 4, flags, |context| {
        let values: Option<Vec<f64>> = (0..4).map(|at| real_of(context, at)).collect();
        Ok(values.map(|values| haversine_km(values[0], values[1], values[2], values[3])))
    })?;
    connection.create_aggregate_function("sum_in_order", 1, flags, SumInOrder)
}

/// Rounds to decimal places; a tie on the exact binary value goes to the even digit, as Python's
/// `round` does.
pub(crate) fn round_half_even(value: f64, places: i64) -> f64 {
    if !value.is_finite() || !(0..=15).contains(&places) {
        return value;
    }
    // Rust prints the exact binary value correctly rounded, ties to even.
    format!("{value:.*}", places as usize)
        .parse()
        .unwrap_or(value)
}

/// Great-circle distance on a sphere of radius 6,371.0088 km (IUGG mean radius), by the haversine
/// formula.
fn haversine_km(latitude_a: f64, longitude_a: f64, latitude_b: f64, longitude_b: f64) -> f64 {
    let (from, to) = (latitude_a.to_radians(), latitude_b.to_radians());
    let half_latitude = ((to - from) / 2.0).sin();
    let half_longitude = ((longitude_b - longitude_a).to_radians() / 2.0).sin();
    let a = half_latitude.powi(2) + from.cos() * to.cos() * half_longitude.powi(2);
    2.0 * 6_371.008_8 * a.sqrt().min(1.0).asin()
}

/// Adds from left to right without compensation; SQLite's own `sum` compensates.
struct SumInOrder;

impl Aggregate<Option<f64>, Option<f64>> for SumInOrder {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<f64>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Option<f64>) -> Result<()> {
        if let Some(value) = real_of(context, 0) {
            *sum = Some(sum.unwrap_or(0.0) + value);
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Option<f64>>) -> Result<Option<f64>> {
        Ok(sum.flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> (Connection, Arc<Cells>) {
        let connection = Connection::open_in_memory().unwrap();
        let cells = Arc::new(Cells::default());
        cells.steps.store(1_000, Ordering::Relaxed);
        {
            let mut shared = cells.lock();
            shared.now = instant::parse("2026-03-02T09:00:00Z").unwrap();
            shared.id_digits = 6;
        }
        register(&connection, &cells, &Functions::default()).unwrap();
        (connection, cells)
    }

    fn ask(sql: &str) -> String {
        let (connection, _) = connection();
        connection
            .query_row(sql, [], |row| row.get::<_, Cell>(0))
            .map_or_else(|error| error.to_string(), |cell| cell.to_string())
    }

    #[test]
    fn the_clock_is_the_sessions() {
        assert_eq!(ask("SELECT now()"), "2026-03-02T09:00:00Z");
        assert_eq!(
            ask("SELECT datetime('now', '+1 day')"),
            "2026-03-03 09:00:00"
        );
        assert_eq!(
            ask("SELECT datetime(x) FROM (SELECT 'NOW' AS x)"),
            "2026-03-02 09:00:00"
        );
        assert_eq!(ask("SELECT date()"), "2026-03-02");
        assert_eq!(ask("SELECT strftime('%Y')"), "2026");
        assert_eq!(ask("SELECT CURRENT_TIMESTAMP"), "2026-03-02 09:00:00");
        assert_eq!(ask("SELECT CURRENT_TIME"), "09:00:00");
        assert!(ask("SELECT datetime('2026-01-01', 'localtime')").contains("time zone"));
        assert_eq!(
            ask("SELECT julianday('2026-03-03') - julianday('2026-03-01')"),
            "2"
        );
    }

    #[test]
    fn each_row_gets_its_own_id() {
        let (connection, cells) = connection();
        let mut statement = connection
            .prepare("SELECT new_id('ORD') FROM (VALUES (1), (2), (3))")
            .unwrap();
        let ids: Vec<String> = statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_>>()
            .unwrap();
        assert_eq!(ids.len(), 3);
        assert!(ids.iter().all(|id| id.starts_with("ORD9") && id.len() == 9));
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        assert_eq!(cells.lock().minted.len(), 3);
    }

    #[test]
    fn all_functions_are_listed() {
        let names = |connection: &Connection| -> std::collections::BTreeSet<String> {
            connection
                .prepare("SELECT name FROM pragma_function_list WHERE NOT builtin")
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .collect::<Result<_>>()
                .unwrap()
        };
        let (connection, _) = connection();
        let mut added = names(&connection);
        // What SQLite's own extensions bring is not the engine's.
        for name in names(&Connection::open_in_memory().unwrap()) {
            added.remove(&name);
        }
        added.retain(|name| !name.starts_with("__"));
        assert_eq!(added.into_iter().collect::<Vec<_>>(), FUNCTIONS);
    }

    #[test]
    fn permutations_are_one_to_one() {
        for key in 0..20 {
            let order = Permutation::new(1_000, key);
            let mut seen: Vec<u64> = (0..1_000).map(|number| order.at(number)).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 1_000);
        }
    }

    #[test]
    fn rounding_is_pythons() {
        assert!((round_half_even(0.125, 2) - 0.12).abs() < 1e-12);
        assert!((round_half_even(2.675, 2) - 2.67).abs() < 1e-12);
        assert!((round_half_even(2.5, 0) - 2.0).abs() < 1e-12);
        assert_eq!(
            ask(
                "SELECT sum_in_order(x) FROM (SELECT 0.1 AS x UNION ALL SELECT 0.2 UNION ALL SELECT 0.3)"
            ),
            "0.6000000000000001"
        );
        assert_eq!(ask("SELECT lower('ÄÖ')"), "äö");
        assert_eq!(ask("SELECT 'abc' REGEXP '^a.c$'"), "1");
        assert_eq!(
            ask("SELECT sha256('abc')"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
