//! Rules that follow from statuses: what is over is not changed any more.

use practicum_world::format::RuleFile;

use crate::classify::{Class, status_for};
use crate::plan::{Plan, TablePlan};
use crate::sql_text::{ident, text};
use crate::words::{article, spoken};

/// Statuses after which nothing should happen to a thing any more.
const FINAL: &[&str] = &[
    "archived",
    "cancelled",
    "canceled",
    "checked_out",
    "closed",
    "completed",
    "delivered",
    "expired",
    "finished",
    "fulfilled",
    "lost",
    "paid",
    "refunded",
    "rejected",
    "resolved",
    "returned",
    "revoked",
    "settled",
    "shipped",
    "terminated",
    "voided",
];
/// Statuses of a thing for which nothing new should be made.
const CLOSED: &[&str] = &[
    "archived",
    "blocked",
    "cancelled",
    "canceled",
    "closed",
    "deactivated",
    "disabled",
    "expired",
    "frozen",
    "inactive",
    "locked",
    "paused",
    "retired",
    "suspended",
    "terminated",
];
/// A world has this many rules of each sort at most.
const MOST: usize = 3;

/// The rules of a plan.
pub(crate) fn rules(plan: &Plan) -> Vec<RuleFile> {
    let mut rules = final_rules(plan);
    rules.truncate(MOST);
    let mut closed = closed_rules(plan);
    closed.truncate(MOST);
    rules.extend(closed);
    rules
}

fn choices_in(table: &TablePlan, list: &[&str]) -> Option<(usize, Vec<String>)> {
    let (column, choices) = table.status()?;
    let found: Vec<String> = choices
        .iter()
        .filter(|choice| {
            list.contains(
                &choice
                    .to_ascii_lowercase()
                    .replace(['-', ' '], "_")
                    .as_str(),
            )
        })
        .cloned()
        .collect();
    (!found.is_empty() && found.len() < choices.len()).then_some((column, found))
}

fn words_of(choices: &[String]) -> String {
    let spoken: Vec<String> = choices.iter().map(|choice| spoken(choice)).collect();
    match &spoken[..] {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

fn list_of(choices: &[String]) -> String {
    choices
        .iter()
        .map(|choice| text(choice))
        .collect::<Vec<_>>()
        .join(", ")
}

fn final_rules(plan: &Plan) -> Vec<RuleFile> {
    let mut rules = Vec::new();
    for (at, table) in plan.tables.iter().enumerate() {
        let Some((column, mut choices)) = choices_in(table, FINAL) else {
            continue;
        };
        // A tool that leads out of a status says that it is not the end.
        let (_, all) = table.status().unwrap_or_default();
        let reopened = plan.tools.iter().any(|tool| {
            tool.table == at
                && matches!(&tool.class, Class::Action(verb)
                    if ["reopen", "restore", "resume", "unarchive", "reactivate", "activate"].contains(&verb.as_str())
                        && status_for(verb, &all).is_some())
        });
        if reopened {
            continue;
        }
        // A step between two of them is allowed: shipped, then delivered.
        let steps: Vec<String> = plan
            .tools
            .iter()
            .filter(|tool| tool.table == at)
            .filter_map(|tool| match &tool.class {
                Class::Action(verb) => status_for(verb, &all).cloned(),
                _ => None,
            })
            .collect();
        if steps.iter().any(|step| choices.contains(step)) && choices.len() > 1 {
            let first = |choice: &String| {
                ["shipped", "paid", "delivered", "fulfilled"].contains(&choice.as_str())
            };
            choices.retain(|choice| !first(choice));
        }
        let writable = plan.tools.iter().any(|tool| {
            tool.table == at
                && matches!(tool.class, Class::Update | Class::Delete | Class::Action(_))
        });
        if choices.is_empty() || !writable {
            continue;
        }
        let noun = spoken(&table.noun);
        let status = &table.columns[column].name;
        rules.push(RuleFile {
            id: format!("final-{}", table.noun.replace('_', "-")),
            text: format!(
                "{} {noun} whose {} is {} must not be changed or deleted any more.",
                capital(article(&noun)),
                spoken(status),
                words_of(&choices)
            ),
            tools: Vec::new(),
            on_change: Some(table.name.clone()),
            violated_if: Some(format!(
                "SELECT 1 WHERE :old_{status} IN ({})",
                list_of(&choices)
            )),
            when: practicum_world::format::RuleMoment::Both,
            needs_confirmation: false,
            also: Vec::new(),
            exempt: Vec::new(),
            keywords: choices.iter().map(|choice| spoken(choice)).collect(),
        });
    }
    rules
}

fn closed_rules(plan: &Plan) -> Vec<RuleFile> {
    let mut rules = Vec::new();
    for (at, table) in plan.tables.iter().enumerate() {
        let creates = plan
            .tools
            .iter()
            .any(|tool| tool.table == at && tool.class == Class::Create);
        if !creates {
            continue;
        }
        for column in &table.columns {
            let Some(parent_at) = column.references.filter(|parent| *parent != at) else {
                continue;
            };
            let parent = &plan.tables[parent_at];
            let Some((status, choices)) = choices_in(parent, CLOSED) else {
                continue;
            };
            let (noun, owner) = (spoken(&table.noun), spoken(&parent.noun));
            let status = &parent.columns[status].name;
            let key = &parent.columns[parent.key[0]].name;
            rules.push(RuleFile {
                id: format!(
                    "closed-{}-{}",
                    parent.noun.replace('_', "-"),
                    table.noun.replace('_', "-")
                ),
                text: format!(
                    "No new {noun} may be made for {} {owner} whose {} is {}.",
                    article(&owner),
                    spoken(status),
                    words_of(&choices)
                ),
                tools: Vec::new(),
                on_change: Some(table.name.clone()),
                violated_if: Some(format!(
                    "SELECT 1 FROM {} WHERE {} = :new_{} AND :old_{} IS NULL AND {} IN ({})",
                    ident(&parent.name),
                    ident(key),
                    column.name,
                    table.columns[table.key[0]].name,
                    ident(status),
                    list_of(&choices)
                )),
                when: practicum_world::format::RuleMoment::Both,
                needs_confirmation: false,
                also: Vec::new(),
                exempt: Vec::new(),
                keywords: choices.iter().map(|choice| spoken(choice)).collect(),
            });
        }
    }
    rules
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + characters.as_str()
    })
}
