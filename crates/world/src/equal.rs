//! Equality of two end states up to a renaming of the ids that were minted on the way.
//!
//! Colour refinement tells most ids apart; ties are broken by individualising one id and refining again,
//! within a budget. Refinement alone would be wrong (two triangles and a hexagon look equal to it), so
//! the renaming that comes out is always checked row by row.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cell::Cell;
use crate::diff::{Diff, RowChange};
use crate::roles::{Identity, Role};
use crate::sql::ColumnRef;
use crate::world::World;

/// What a free-text cell of an accepted end asks of the agent's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextRule {
    /// The same text: the intent quotes it.
    Exact,
    /// Some text that holds these, without regard to case. With none: any text where the accepted end
    /// has one, none where it has none.
    Holds(Vec<String>),
}

/// A text rule for one cell of an accepted end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextCell {
    /// Position in [`Diff::changes`].
    pub change: usize,
    /// The column's name.
    pub column: String,
    /// What is asked.
    pub rule: TextRule,
}

/// An end state that counts as right.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedEnd {
    /// What has changed.
    pub diff: Diff,
    /// The rules of its free-text cells; a cell without one must be there when the end has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<TextCell>,
}

/// Renaming of ids: from the session's to the accepted end's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renaming {
    /// Ids that `new_id` minted.
    pub texts: BTreeMap<String, String>,
    /// Keys that SQLite assigned, by table.
    pub keys: BTreeMap<(usize, i64), i64>,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Equal, under this renaming.
    Equal(Renaming),
    /// Not equal.
    Different,
    /// The budget of branches was spent before a decision.
    OverBudget,
}

/// Branches that a comparison may try. Ids that are alike in every way need one branch each; hard
/// symmetric structures would need exponentially many, and an agent must not be able to keep a verifier busy
/// with one.
const BRANCHES: usize = 4_000;

/// Compares a session's end with an accepted one under the roles of the world's columns.
pub fn compare(world: &World, session: &Diff, accepted: &AcceptedEnd) -> Comparison {
    let exact = exact_columns(world, accepted);
    let agent = Side::new(world, session, &exact, &BTreeMap::new());
    let rules: BTreeMap<(usize, String), &TextRule> = accepted
        .texts
        .iter()
        .map(|text| ((text.change, text.column.clone()), &text.rule))
        .collect();
    let gold = Side::new(world, &accepted.diff, &exact, &rules);
    if agent.rows.len() != gold.rows.len() || agent.ids.len() != gold.ids.len() {
        return Comparison::Different;
    }
    let mut budget = BRANCHES;
    let start = (vec![0; agent.ids.len()], vec![0; gold.ids.len()]);
    match search(&agent, &gold, start.0, start.1, &mut budget) {
        Found::Yes(pairs) => {
            let mut renaming = Renaming::default();
            for (own, other) in pairs {
                match (&agent.ids[own], &gold.ids[other]) {
                    (Id::Text(from), Id::Text(to)) => {
                        renaming.texts.insert(from.clone(), to.clone());
                    }
                    (Id::Key(table, from), Id::Key(_, to)) => {
                        renaming.keys.insert((*table, *from), *to);
                    }
                    _ => return Comparison::Different,
                }
            }
            Comparison::Equal(renaming)
        }
        Found::No => Comparison::Different,
        Found::Unknown => Comparison::OverBudget,
    }
}

/// Text columns that are compared exactly in every row of the accepted end: their values help to tell
/// rows apart.
fn exact_columns(world: &World, accepted: &AcceptedEnd) -> BTreeSet<ColumnRef> {
    let mut exact: BTreeMap<ColumnRef, bool> = BTreeMap::new();
    for (position, change) in accepted.diff.changes.iter().enumerate() {
        let (Some(table), Some(after)) = (world.schema().table(&change.table), &change.after)
        else {
            continue;
        };
        for column in 0..after.len() {
            let at = ColumnRef { table, column };
            if world.role(at) != Role::Text {
                continue;
            }
            let name = &world.schema().get(at).name;
            let quoted = accepted.texts.iter().any(|text| {
                text.change == position && text.column == *name && text.rule == TextRule::Exact
            });
            // What the task did not touch stays as it was.
            let untouched = change
                .before
                .as_ref()
                .is_some_and(|before| before[column] == after[column]);
            *exact.entry(at).or_insert(true) &= quoted || untouched;
        }
    }
    exact
        .into_iter()
        .filter(|(_, exact)| *exact)
        .map(|(at, _)| at)
        .collect()
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    Text(String),
    Key(usize, i64),
}

/// One changed row: what is compared as it is, the ids it holds in order, and its free texts.
#[derive(Debug)]
struct Item {
    label: String,
    ids: Vec<usize>,
    texts: Vec<(Cell, Option<TextRule>)>,
}

#[derive(Debug)]
struct Side {
    rows: Vec<Item>,
    ids: Vec<Id>,
}

impl Side {
    fn new(
        world: &World,
        diff: &Diff,
        exact: &BTreeSet<ColumnRef>,
        rules: &BTreeMap<(usize, String), &TextRule>,
    ) -> Self {
        let keys: BTreeSet<(usize, i64)> = diff.assigned(world).into_iter().collect();
        let ranks = ranks(world, diff);
        let mut side = Self {
            rows: Vec::new(),
            ids: Vec::new(),
        };
        let mut builder = ItemBuilder {
            world,
            minted: &diff.minted,
            keys: &keys,
            ids: &mut side.ids,
        };
        for (position, change) in diff.changes.iter().enumerate() {
            let Some(table) = world.schema().table(&change.table) else {
                continue;
            };
            if world.is_log(table) {
                continue;
            }
            let item = builder.item(table, change, exact, &ranks, |column| {
                rules
                    .get(&(position, column.to_string()))
                    .map(|rule| (*rule).clone())
            });
            side.rows.push(item);
        }
        side
    }
}

/// The rank of each value of a sequence column among the changed rows.
fn ranks(world: &World, diff: &Diff) -> BTreeMap<(ColumnRef, Cell), usize> {
    let mut values: BTreeMap<ColumnRef, BTreeSet<Cell>> = BTreeMap::new();
    for change in &diff.changes {
        let (Some(table), Some(after)) = (world.schema().table(&change.table), &change.after)
        else {
            continue;
        };
        for (column, cell) in after.iter().enumerate() {
            let at = ColumnRef { table, column };
            if world.role(at) == Role::Sequence {
                values.entry(at).or_default().insert(cell.clone());
            }
        }
    }
    values
        .into_iter()
        .flat_map(|(at, cells)| {
            cells
                .into_iter()
                .enumerate()
                .map(move |(rank, cell)| ((at, cell), rank))
        })
        .collect()
}

struct ItemBuilder<'a> {
    world: &'a World,
    minted: &'a [String],
    keys: &'a BTreeSet<(usize, i64)>,
    ids: &'a mut Vec<Id>,
}

/// Stands in labels where an id stood. U+0000 cannot occur in a cell.
const PLACE: &str = "\0";

impl ItemBuilder<'_> {
    fn item(
        &mut self,
        table: usize,
        change: &RowChange,
        exact: &BTreeSet<ColumnRef>,
        ranks: &BTreeMap<(ColumnRef, Cell), usize>,
        rule: impl Fn(&str) -> Option<TextRule>,
    ) -> Item {
        let mut label = change.table.clone();
        let mut ids = Vec::new();
        let mut texts = Vec::new();
        match (&change.before, &change.after) {
            (None, _) => label.push_str("\u{1}+"),
            (Some(_), after) => {
                label.push_str(if after.is_some() { "\u{1}~" } else { "\u{1}-" });
                for cell in &change.key {
                    label.push('\u{2}');
                    push_cell(&mut label, cell);
                }
            }
        }
        for (column, cell) in change.after.iter().flatten().enumerate() {
            let at = ColumnRef { table, column };
            label.push('\u{1}');
            match self.world.role(at) {
                Role::Random => {}
                // When is not compared, but whether is.
                Role::Stamp => label.push(if cell.is_null() { 'n' } else { 's' }),
                Role::Sequence => {
                    let rank = ranks.get(&(at, cell.clone())).copied().unwrap_or_default();
                    label.push_str(&rank.to_string());
                }
                Role::Text if !exact.contains(&at) => {
                    texts.push((cell.clone(), rule(&self.world.schema().get(at).name)));
                }
                Role::Identity(Identity::Rowid(owner)) => match cell {
                    Cell::Integer(id) if self.keys.contains(&(owner, *id)) => {
                        ids.push(self.id(Id::Key(owner, *id)));
                        label.push_str(PLACE);
                    }
                    cell => push_cell(&mut label, cell),
                },
                Role::Json => {
                    let value = cell
                        .as_text()
                        .and_then(|text| serde_json::from_str::<Value>(text).ok());
                    match value {
                        Some(value) => {
                            let text = canonical_json(&value).to_string();
                            self.tokens(&text, &mut label, &mut ids);
                        }
                        None => push_cell(&mut label, cell),
                    }
                }
                Role::Value | Role::Text | Role::Identity(Identity::Minted) => match cell {
                    Cell::Text(text) => {
                        label.push('t');
                        self.tokens(text, &mut label, &mut ids);
                    }
                    cell => push_cell(&mut label, cell),
                },
            }
        }
        Item { label, ids, texts }
    }

    fn id(&mut self, id: Id) -> usize {
        match self.ids.iter().position(|known| *known == id) {
            Some(position) => position,
            None => {
                self.ids.push(id);
                self.ids.len() - 1
            }
        }
    }

    /// Writes a text with minted ids, where they stand as whole words, replaced by places.
    fn tokens(&mut self, text: &str, label: &mut String, ids: &mut Vec<usize>) {
        let mut rest = text;
        let mut before = None;
        'text: while !rest.is_empty() {
            let boundary = before.is_none_or(|character| !is_word(character));
            if boundary {
                for id in self.minted {
                    if let Some(after) = rest.strip_prefix(id.as_str())
                        && after.chars().next().is_none_or(|next| !is_word(next))
                    {
                        let id = Id::Text(id.clone());
                        ids.push(self.id(id));
                        label.push_str(PLACE);
                        before = Some('x');
                        rest = after;
                        continue 'text;
                    }
                }
            }
            let mut characters = rest.chars();
            if let Some(character) = characters.next() {
                label.push(character);
                before = Some(character);
            }
            rest = characters.as_str();
        }
    }
}

/// Characters that continue a word: an id inside a longer word is not that id.
pub(crate) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn push_cell(label: &mut String, cell: &Cell) {
    match cell {
        Cell::Null => label.push('n'),
        Cell::Integer(value) => label.push_str(&format!("i{value}")),
        Cell::Real(value) => label.push_str(&format!("r{:x}", value.to_bits())),
        Cell::Text(text) => {
            label.push('t');
            label.push_str(text);
        }
    }
}

enum Found {
    Yes(Vec<(usize, usize)>),
    No,
    Unknown,
}

type Colours = Vec<u64>;

fn mix(values: impl IntoIterator<Item = u64>) -> u64 {
    // FNV-1a over 64-bit words with a final avalanche; a collision costs a branch, never a verdict.
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for value in values {
        hash ^= value;
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
        hash ^= hash >> 29;
    }
    hash ^= hash >> 32;
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn label_hash(label: &str) -> u64 {
    mix(label.bytes().map(u64::from))
}

/// One round of refinement.
fn refine(side: &Side, labels: &[u64], colours: &Colours) -> Colours {
    let mut seen: Vec<Vec<u64>> = vec![Vec::new(); side.ids.len()];
    for (row, label) in side.rows.iter().zip(labels) {
        let own = mix(std::iter::once(*label).chain(row.ids.iter().map(|id| colours[*id])));
        for (position, id) in row.ids.iter().enumerate() {
            seen[*id].push(mix([own, position as u64]));
        }
    }
    seen.into_iter()
        .zip(colours)
        .map(|(mut around, colour)| {
            around.sort_unstable();
            mix(std::iter::once(*colour).chain(around))
        })
        .collect()
}

fn sorted(colours: &Colours) -> Colours {
    let mut sorted = colours.clone();
    sorted.sort_unstable();
    sorted
}

fn classes(colours: &Colours) -> usize {
    let mut sorted = sorted(colours);
    sorted.dedup();
    sorted.len()
}

fn search(
    agent: &Side,
    gold: &Side,
    mut own: Colours,
    mut other: Colours,
    budget: &mut usize,
) -> Found {
    if *budget == 0 {
        return Found::Unknown;
    }
    *budget -= 1;
    let own_labels: Vec<u64> = agent
        .rows
        .iter()
        .map(|row| label_hash(&row.label))
        .collect();
    let other_labels: Vec<u64> = gold.rows.iter().map(|row| label_hash(&row.label)).collect();
    let mut before = classes(&own);
    loop {
        own = refine(agent, &own_labels, &own);
        other = refine(gold, &other_labels, &other);
        if sorted(&own) != sorted(&other) {
            return Found::No;
        }
        let now = classes(&own);
        if now == before || now == own.len() {
            break;
        }
        before = now;
    }
    let by_colour = |colours: &Colours| {
        let mut classes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (id, colour) in colours.iter().enumerate() {
            classes.entry(*colour).or_default().push(id);
        }
        classes
    };
    let (own_classes, other_classes) = (by_colour(&own), by_colour(&other));
    let tied = own_classes
        .iter()
        .filter(|(_, ids)| ids.len() > 1)
        .min_by_key(|(_, ids)| ids.len());
    let Some((colour, ids)) = tied else {
        let pairs: Vec<(usize, usize)> = own_classes
            .values()
            .zip(other_classes.values())
            .map(|(own, other)| (own[0], other[0]))
            .collect();
        return if rows_agree(agent, gold, &pairs) {
            Found::Yes(pairs)
        } else {
            Found::No
        };
    };
    // Individualise the first of the tied ids against each of the other side's.
    let mut unknown = false;
    for candidate in &other_classes[colour] {
        let mark = mix([*colour, 0x0069_6e64]);
        let (mut own, mut other) = (own.clone(), other.clone());
        own[ids[0]] = mark;
        other[*candidate] = mark;
        match search(agent, gold, own, other, budget) {
            Found::Yes(pairs) => return Found::Yes(pairs),
            Found::No => {}
            Found::Unknown => unknown = true,
        }
        if *budget == 0 {
            return Found::Unknown;
        }
    }
    if unknown { Found::Unknown } else { Found::No }
}

/// Rows of both sides, agent's first.
type Rows<'a> = (Vec<&'a Item>, Vec<&'a Item>);

/// The exact comparison under a renaming.
fn rows_agree(agent: &Side, gold: &Side, pairs: &[(usize, usize)]) -> bool {
    let mut map = vec![usize::MAX; agent.ids.len()];
    for (own, other) in pairs {
        // An id of one kind never stands for one of the other.
        match (&agent.ids[*own], &gold.ids[*other]) {
            (Id::Text(_), Id::Text(_)) => {}
            (Id::Key(a, _), Id::Key(b, _)) if a == b => {}
            _ => return false,
        }
        map[*own] = *other;
    }
    // By label and ids: the rows of both sides.
    let mut groups: BTreeMap<(&str, Vec<usize>), Rows<'_>> = BTreeMap::new();
    for row in &agent.rows {
        let ids = row.ids.iter().map(|id| map[*id]).collect();
        groups.entry((&row.label, ids)).or_default().0.push(row);
    }
    for row in &gold.rows {
        groups
            .entry((&row.label, row.ids.clone()))
            .or_default()
            .1
            .push(row);
    }
    groups
        .values()
        .all(|(own, other)| own.len() == other.len() && texts_match(own, other))
}

/// Whether rows that are equal but for their free texts can be paired so that every rule holds.
fn texts_match(own: &[&Item], other: &[&Item]) -> bool {
    let fits: Vec<Vec<usize>> = other
        .iter()
        .map(|gold| {
            (0..own.len())
                .filter(|at| row_texts_fit(own[*at], gold))
                .collect()
        })
        .collect();
    // Bipartite matching by augmenting paths.
    let mut taken: Vec<Option<usize>> = vec![None; own.len()];
    (0..other.len()).all(|gold| {
        let mut visited = vec![false; own.len()];
        augment(gold, &fits, &mut taken, &mut visited)
    })
}

fn augment(
    gold: usize,
    fits: &[Vec<usize>],
    taken: &mut [Option<usize>],
    visited: &mut [bool],
) -> bool {
    for at in &fits[gold] {
        if visited[*at] {
            continue;
        }
        visited[*at] = true;
        let free = match taken[*at] {
            None => true,
            Some(holder) => augment(holder, fits, taken, visited),
        };
        if free {
            taken[*at] = Some(gold);
            return true;
        }
    }
    false
}

fn row_texts_fit(own: &Item, gold: &Item) -> bool {
    own.texts.len() == gold.texts.len()
        && own
            .texts
            .iter()
            .zip(&gold.texts)
            .all(|((own, _), (gold, rule))| text_fits(own, gold, rule.as_ref()))
}

fn text_fits(own: &Cell, gold: &Cell, rule: Option<&TextRule>) -> bool {
    let empty = |cell: &Cell| cell.as_text().is_none_or(|text| text.trim().is_empty());
    match rule {
        Some(TextRule::Exact) => own == gold,
        Some(TextRule::Holds(parts)) if !parts.is_empty() => {
            let text = own.as_text().unwrap_or_default().to_lowercase();
            parts.iter().all(|part| text.contains(&part.to_lowercase()))
        }
        _ => empty(own) == empty(gold),
    }
}

/// A JSON value in one form: members sorted, 25.0 as 25.
pub fn canonical_json(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            let mut sorted = Map::new();
            for name in names {
                sorted.insert(name.clone(), canonical_json(&members[name]));
            }
            Value::Object(sorted)
        }
        Value::Array(elements) => elements.iter().map(canonical_json).collect(),
        Value::Number(number) => match number.as_f64() {
            Some(real) if number.is_f64() && real.fract() == 0.0 && real.abs() < 9.0e15 => {
                Value::from(real as i64)
            }
            _ => value.clone(),
        },
        other => other.clone(),
    }
}
