//! What agent, user and judge are told. Policies, scenarios and guidelines are the benchmark's data; the
//! words around them stand in its program, and are read from there where the checkout has it.

use serde_json::{Value, json};

use super::data::{Benchmark, DataError};
use super::results::TrajectoryMessage;
use super::spelling::repr;
use crate::python_text::{constant, filled};

/// The words around policy, guidelines and conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompts {
    agent: String,
    instruction: String,
    user: String,
    guidelines: String,
    judge: String,
    /// All of them are the official program's.
    pub official: bool,
}

const AGENT: &str = "{agent_instruction}\n\n<policy>\n{domain_policy}\n</policy>";
const INSTRUCTION: &str = "You serve a customer. Keep to the policy below in all that you do. In each turn either write to \
the customer or call tools, never both. Arguments of calls are valid JSON.";
const USER: &str =
    "{global_user_sim_guidelines_with_persona}\n\n<scenario>\n{instructions}\n</scenario>";
const JUDGE: &str = "You are given a conversation between an agent and a customer, and a list of outcomes that are expected of \
the agent. Decide for each by itself whether the agent brought it about. Answer with one JSON object and nothing else: \
{\"results\": [{\"expectedOutcome\": the outcome as it is given, \"reasoning\": why, in a sentence, \"metExpectation\": true or \
false}]}, with one entry for each outcome, in their order.";

impl Prompts {
    /// The prompts for a domain's agent, its user and a judge.
    ///
    /// # Errors
    /// When the guidelines of the user simulator are not there.
    pub fn read(benchmark: &Benchmark, user_has_tools: bool) -> Result<Self, DataError> {
        let program = benchmark.program();
        let text = |file: &str, name: &str| constant(&program.as_ref()?.join(file), name);
        let agent = text("agent/llm_agent.py", "SYSTEM_PROMPT");
        let instruction = text("agent/llm_agent.py", "AGENT_INSTRUCTION");
        let user = text("user/user_simulator.py", "SYSTEM_PROMPT");
        let judge = text("evaluator/evaluator_nl_assertions.py", "system_prompt");
        let official =
            agent.is_some() && instruction.is_some() && user.is_some() && judge.is_some();
        let guidelines = benchmark.guidelines(user_has_tools)?;
        Ok(
            if let (Some(agent), Some(instruction), Some(user), Some(judge)) =
                (agent, instruction, user, judge)
            {
                Self {
                    agent,
                    instruction,
                    user,
                    guidelines,
                    judge,
                    official,
                }
            } else {
                // All or nothing: half of another program's words is neither its prompt nor ours.
                Self {
                    agent: AGENT.into(),
                    instruction: INSTRUCTION.into(),
                    user: USER.into(),
                    guidelines,
                    judge: JUDGE.into(),
                    official,
                }
            },
        )
    }

    /// What the agent is told.
    pub fn agent(&self, policy: &str) -> String {
        let values = [
            ("agent_instruction", self.instruction.as_str()),
            ("domain_policy", policy),
        ];
        filled(&self.agent, &values)
    }

    /// What the user's model is told, of a task as it stands in the benchmark's file.
    pub fn user(&self, document: &Value) -> String {
        // No persona is added at run time.
        let guidelines = self.guidelines.replace("<PERSONA_GUIDELINES>", "");
        let scenario = scenario(&document["user_scenario"]);
        let values = [
            (
                "global_user_sim_guidelines_with_persona",
                guidelines.as_str(),
            ),
            ("instructions", scenario.as_str()),
        ];
        filled(&self.user, &values)
    }

    /// What every user's model is told.
    pub fn guidelines(&self) -> &str {
        &self.guidelines
    }

    /// What a judge is told and asked.
    pub fn judge(&self, messages: &[TrajectoryMessage], sentences: &[String]) -> (String, String) {
        let lines: Vec<String> = messages
            .iter()
            .map(|message| {
                let (role, content) = match message {
                    TrajectoryMessage::System(said) => ("system", &said.content),
                    TrajectoryMessage::Assistant(said) => ("assistant", &said.content),
                    TrajectoryMessage::User(said) => ("user", &said.content),
                    TrajectoryMessage::Tool(reply) => ("tool", &reply.content),
                };
                format!("{role}: {}", content.as_deref().unwrap_or("None"))
            })
            .collect();
        let question = format!(
            "conversation:\n{}\n\nexpectedOutcomes:\n{}",
            lines.join("\n"),
            repr(&json!(sentences))
        );
        (self.judge.clone(), question)
    }
}

/// A scenario as the official program writes it out.
fn scenario(scenario: &Value) -> String {
    let mut lines = Vec::new();
    if let Some(persona) = scenario["persona"].as_str() {
        lines.push("Persona:".to_string());
        lines.push(indented(persona));
    }
    lines.push("Instructions:".into());
    let instructions = &scenario["instructions"];
    let text = match instructions {
        Value::String(text) => text.clone(),
        _ => {
            let mut parts = vec![format!("Domain: {}", word(&instructions["domain"]))];
            for (title, member) in [
                ("Reason for call", "reason_for_call"),
                ("Known info", "known_info"),
                ("Unknown info", "unknown_info"),
                ("Task instructions", "task_instructions"),
            ] {
                if let Some(text) = instructions[member].as_str() {
                    parts.push(format!("{title}:\n{}", indented(text)));
                }
            }
            parts.join("\n")
        }
    };
    lines.push(indented(&text));
    lines.join("\n")
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("None")
}

/// Each line that is not blank begins with a tab.
fn indented(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| {
            if line.trim().is_empty() {
                line.to_string()
            } else {
                format!("\t{line}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_indented_part_by_part() {
        let text = scenario(&json!({"persona": null, "instructions": {
            "domain": "retail", "reason_for_call": "A\n\nB", "known_info": "C",
            "unknown_info": null, "task_instructions": "D"}}));
        assert_eq!(
            text,
            "Instructions:\n\tDomain: retail\n\tReason for call:\n\t\tA\n\n\t\tB\n\tKnown info:\n\t\tC\n\tTask \
             instructions:\n\t\tD"
        );
        assert_eq!(
            scenario(&json!({"persona": "P", "instructions": "I"})),
            "Persona:\n\tP\nInstructions:\n\tI"
        );
    }
}
