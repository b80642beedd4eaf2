//! Whose fault a failure is: the first that has evidence against it.

use practicum_world::Verdict;

use crate::trajectory::Fault;

/// What speaks against each party; None where nothing does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// A call that the world could not answer, or gold that no longer passes.
    pub(crate) world: Option<String>,
    /// A budget that was exceeded, or two verdicts that differ.
    pub(crate) verifier: Option<String>,
    /// What the user should not have said, or have said.
    pub(crate) user: Option<String>,
}

/// The fault of an episode that did not pass, and the evidence. What no other has caused is the agent's.
pub(crate) fn attribute(verdict: &Verdict, evidence: Evidence) -> (Option<Fault>, Option<String>) {
    if verdict.passed {
        return (None, None);
    }
    let parties = [
        (Fault::World, evidence.world),
        (Fault::Verifier, evidence.verifier),
        (Fault::User, evidence.user),
    ];
    for (fault, evidence) in parties {
        if evidence.is_some() {
            return (Some(fault), evidence);
        }
    }
    (Some(Fault::Agent), None)
}

impl Fault {
    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Infrastructure => "infrastructure",
            Self::World => "world",
            Self::Verifier => "verifier",
            Self::User => "user",
            Self::Agent => "agent",
        }
    }
}
