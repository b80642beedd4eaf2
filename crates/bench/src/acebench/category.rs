//! The benchmark's categories and how each family of them is scored.

/// A category: one file of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// `normal_atom_bool`
    AtomBool,
    /// `normal_atom_enum`
    AtomEnum,
    /// `normal_atom_number`
    AtomNumber,
    /// `normal_atom_list`
    AtomList,
    /// `normal_atom_object_deep`
    AtomObjectDeep,
    /// `normal_atom_object_short`
    AtomObjectShort,
    /// `normal_single_turn_single_function`
    SingleTurnSingle,
    /// `normal_single_turn_parallel_function`
    SingleTurnParallel,
    /// `normal_multi_turn_user_adjust`
    MultiTurnAdjust,
    /// `normal_multi_turn_user_switch`
    MultiTurnSwitch,
    /// `normal_similar_api`
    SimilarApi,
    /// `normal_preference`
    Preference,
    /// `special_incomplete`
    Incomplete,
    /// `special_error_param`
    ErrorParam,
    /// `special_irrelevant`
    Irrelevant,
    /// `agent_multi_step`
    AgentMultiStep,
    /// `agent_multi_turn`
    AgentMultiTurn,
}

/// How a category's answers are read and scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Calls as text; each item counts.
    Normal,
    /// Calls as text, which loses its white space first; each dialogue counts, right where all its turns are.
    Dialogue,
    /// Prose that must say what is wrong with the request.
    Special,
    /// An end state and the calls that led to it.
    Agent,
}

/// Every category, in the order in which the official summary adds them up.
pub const CATEGORIES: [Category; 17] = [
    Category::SingleTurnSingle,
    Category::SingleTurnParallel,
    Category::MultiTurnSwitch,
    Category::MultiTurnAdjust,
    Category::SimilarApi,
    Category::Preference,
    Category::AtomBool,
    Category::AtomEnum,
    Category::AtomNumber,
    Category::AtomList,
    Category::AtomObjectDeep,
    Category::AtomObjectShort,
    Category::Incomplete,
    Category::ErrorParam,
    Category::Irrelevant,
    Category::AgentMultiTurn,
    Category::AgentMultiStep,
];

impl Category {
    /// The category of an official name.
    pub fn of(name: &str) -> Option<Self> {
        CATEGORIES
            .into_iter()
            .find(|category| category.name() == name)
    }

    /// The official name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AtomBool => "normal_atom_bool",
            Self::AtomEnum => "normal_atom_enum",
            Self::AtomNumber => "normal_atom_number",
            Self::AtomList => "normal_atom_list",
            Self::AtomObjectDeep => "normal_atom_object_deep",
            Self::AtomObjectShort => "normal_atom_object_short",
            Self::SingleTurnSingle => "normal_single_turn_single_function",
            Self::SingleTurnParallel => "normal_single_turn_parallel_function",
            Self::MultiTurnAdjust => "normal_multi_turn_user_adjust",
            Self::MultiTurnSwitch => "normal_multi_turn_user_switch",
            Self::SimilarApi => "normal_similar_api",
            Self::Preference => "normal_preference",
            Self::Incomplete => "special_incomplete",
            Self::ErrorParam => "special_error_param",
            Self::Irrelevant => "special_irrelevant",
            Self::AgentMultiStep => "agent_multi_step",
            Self::AgentMultiTurn => "agent_multi_turn",
        }
    }

    /// How its answers are scored.
    pub fn family(self) -> Family {
        match self {
            Self::MultiTurnAdjust | Self::MultiTurnSwitch => Family::Dialogue,
            Self::Incomplete | Self::ErrorParam | Self::Irrelevant => Family::Special,
            Self::AgentMultiStep | Self::AgentMultiTurn => Family::Agent,
            _ => Family::Normal,
        }
    }
}
