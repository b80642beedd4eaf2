//! A task: what a user wants, what the user knows, how it is done, and what must hold at the end.

use practicum_world::{Actor, Cell, Expectation, FactKind, StateSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What sort of goal a task has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One change.
    Write,
    /// Several changes, each building on the one before or on the same thing.
    Chain,
    /// A question about one thing.
    Lookup,
    /// A question about how many there are.
    Count,
    /// A question about what the values of several things are together.
    Sum,
    /// A question about which of two has more of something, and how much.
    Compare,
    /// A question about which of several has the most or least of something.
    Extremum,
    /// One change or another, depending on what the state shows.
    Conditional,
    /// A change for which any of several things will do.
    Choice,
    /// A change of which the user leaves out something that must be asked for.
    Incomplete,
    /// A change that the user wants otherwise than was said first.
    Reconsidered,
    /// A change that takes the user's own tools as well as the agent's.
    Together,
    /// A request that a rule forbids: the right end is to decline.
    Declined,
    /// A request for something that does not exist.
    Impossible,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::Write,
        Self::Chain,
        Self::Lookup,
        Self::Count,
        Self::Sum,
        Self::Compare,
        Self::Extremum,
        Self::Conditional,
        Self::Choice,
        Self::Incomplete,
        Self::Reconsidered,
        Self::Together,
        Self::Declined,
        Self::Impossible,
    ];

    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Chain => "chain",
            Self::Lookup => "lookup",
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Compare => "compare",
            Self::Extremum => "extremum",
            Self::Conditional => "conditional",
            Self::Choice => "choice",
            Self::Incomplete => "incomplete",
            Self::Reconsidered => "reconsidered",
            Self::Together => "together",
            Self::Declined => "declined",
            Self::Impossible => "impossible",
        }
    }

    /// True when an answer is asked for.
    pub fn is_question(self) -> bool {
        matches!(
            self,
            Self::Lookup | Self::Count | Self::Sum | Self::Compare | Self::Extremum
        )
    }

    /// True when the right end leaves the state as it was.
    pub fn changes_nothing(self) -> bool {
        self.is_question() || matches!(self, Self::Declined | Self::Impossible)
    }
}

/// A task, proven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Unique in a run: the world's name and a number.
    pub id: String,
    /// The world's name.
    pub world: String,
    /// The digest of the world that the task was proven on.
    pub world_digest: String,
    /// What sort of goal it has.
    pub kind: Kind,
    /// The initial state.
    pub state: StateSpec,
    /// The seed of the session's ids and draws.
    pub seed: u64,
    /// What the user says first.
    pub intent: String,
    /// What the user knows and may tell.
    pub slots: Vec<Slot>,
    /// The calls that were executed to create the task.
    pub gold: Vec<GoldCall>,
    /// The calls that a request tempts an agent to make, wrongly: what is forbidden or impossible, or what
    /// would be right if a condition were otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub temptation: Vec<GoldCall>,
    /// What the user wants otherwise than was said first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_thoughts: Option<SecondThoughts>,
    /// What the gold agent says at the end.
    pub answer: String,
    /// What must hold at the end.
    pub expectation: Expectation,
    /// How the proof went.
    pub proof: Proof,
}

/// One thing that the user knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// What it is about, in words: `e-mail of the customer`.
    pub name: String,
    /// `table.column` that it stands for, or the tool's argument.
    pub about: String,
    /// The value.
    pub value: Cell,
    /// The value as the user says it.
    pub said: String,
    /// How people write it.
    pub kind: FactKind,
    /// When the user tells it.
    #[serde(default, skip_serializing_if = "Told::is_at_start")]
    pub told: Told,
}

/// When a user tells something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// In the request.
    #[default]
    AtStart,
    /// When the agent asks for it.
    IfAsked,
    /// When the agent proposes what the user said first: [`SecondThoughts`].
    AtProposal,
}

impl Told {
    /// Told in the request.
    pub fn is_at_start(&self) -> bool {
        *self == Self::AtStart
    }
}

/// A change of mind: an argument of gold is another than the user said first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondThoughts {
    /// Position of the call in gold.
    pub call: usize,
    /// The argument.
    pub argument: String,
    /// The value that was wanted first.
    pub first: Value,
    /// How people write it.
    pub kind: FactKind,
    /// How the user says that it shall be otherwise.
    pub says: String,
    /// In the request itself, or when the agent proposes what was said first.
    pub told: Told,
}

/// One call of gold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoldCall {
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: Map<String, Value>,
    /// Why each argument is what it is, by name.
    pub determined: Vec<Determined>,
    /// The call changes the state.
    pub writes: bool,
    /// Who makes it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub actor: Actor,
    /// Other values that an argument may have as well, by argument: any of several things will do.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub any_of: Map<String, Value>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl GoldCall {
    /// A call of the agent.
    pub(crate) fn new(
        tool: &str,
        arguments: Map<String, Value>,
        determined: Vec<Determined>,
        writes: bool,
    ) -> Self {
        Self {
            tool: tool.to_string(),
            arguments,
            determined,
            writes,
            actor: Actor::Agent,
            any_of: Map::new(),
        }
    }

    /// The values of an argument that will do: the one that gold has, and others.
    pub fn accepted(&self, argument: &str) -> Vec<&Value> {
        let others = self.any_of.get(argument).and_then(Value::as_array);
        self.arguments
            .get(argument)
            .into_iter()
            .chain(others.into_iter().flatten())
            .collect()
    }
}

/// Why an argument is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Determined {
    /// The argument's name.
    pub argument: String,
    /// The reason.
    pub by: Reason,
}

/// What determines an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The user told it: position in [`Task::slots`].
    Told(usize),
    /// The reply of an earlier call of gold shows it.
    Shown {
        /// Position of that call in gold.
        call: usize,
        /// Place in its reply, as a JSON pointer.
        place: String,
        /// The value was minted in the session, so it may be another in another run.
        minted: bool,
    },
    /// Parts of it were told: positions in [`Task::slots`].
    Parts(Vec<usize>),
}

/// How the proof of a task went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Mutants that were executed, differ and fail.
    pub killed: usize,
    /// Mutants that differ and pass all the same: none, or the task does not ship.
    pub survived: usize,
    /// Mutants that a guard refused and whose end is gold's.
    pub void: usize,
    /// Mutants whose end, answers and rules equal an accepted end's.
    pub equivalent: usize,
    /// Acceptance variants that passed.
    pub accepted: usize,
    /// Acceptance variants that failed: none, or the task does not ship.
    pub refused: usize,
    /// Mutants that never gate and that fail: two mutations at once, and the right calls for another
    /// person.
    #[serde(default)]
    pub beyond_killed: usize,
    /// Mutants that never gate and that pass though their end is another.
    #[serde(default)]
    pub beyond_survived: usize,
}
