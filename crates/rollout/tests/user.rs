//! The user understands questions in many styles, tells what was asked, and nothing else.
#![allow(clippy::unwrap_used)]

mod oracle;

use oracle::world_with_tasks;
use practicum_rollout::{
    Action, Agent, Ending, EpisodeLimits, Keep, Observation, Reference, TemplateUser, UserTurn,
    run_episode,
};
use practicum_world::{ColumnRef, Outcome};

const WORLDS: [&str; 6] = [
    "bank",
    "clinic",
    "hotel",
    "insurance",
    "mobile",
    "workplace",
];

/// Twenty ways of asking for one thing.
const STYLES: [&str; 20] = [
    "What is the {}?",
    "Could you please tell me the {}?",
    "May I have the {}, please?",
    "Please provide the {}.",
    "I need the {} to go on.",
    "I'll need the {} first. What is it?",
    "To proceed, can I have the {}?",
    "Sure! Can you share the {} with me?",
    "Happy to help. What's the {}?",
    "Before I can do that, please tell me the {}.",
    "Thanks for reaching out. To find it, could you provide the {}?",
    "Which {} do you mean?",
    "Kindly provide the {}.",
    "Let me know the {} and I will take care of it.",
    "In order to help you, I require the {}.",
    "Can you confirm the {} for me?",
    "I could not find it. Would you give me the {} again?",
    "One more thing: the {}?",
    "Please enter the {}:",
    "So that I can check: {}?",
];

fn is_honest(turn: &UserTurn) -> bool {
    let reply = turn.reply.as_deref().unwrap_or_default();
    reply.contains("don't have") || reply.contains("Which do you mean")
}

#[derive(Default, Debug)]
struct Tally {
    asked: usize,
    right: usize,
    honest: usize,
    wrong: usize,
}

/// Questions made from the worlds' own columns: for what the user knows in every style, and for what the user
/// does not know. Labels follow from how the question was made.
#[test]
fn the_right_thing_is_told_or_honestly_refused() {
    let (mut known, mut unknown) = (Tally::default(), Tally::default());
    let mut examples: Vec<String> = Vec::new();
    for name in WORLDS {
        let (world, tasks) = world_with_tasks(name, 4);
        let schema = world.schema();
        for (number, task) in tasks.iter().enumerate() {
            let state = world.state(&task.state).unwrap();
            let mut session = state.session(task.seed).unwrap();
            for (at, slot) in task.slots.iter().enumerate() {
                for style in STYLES {
                    let question = style.replace("{}", &slot.name);
                    let turn = TemplateUser::new(task)
                        .hear(&question, &mut session)
                        .unwrap();
                    known.asked += 1;
                    // What another slot of the same name says is as right.
                    let same = |told: &usize| *told == at || task.slots[*told].name == slot.name;
                    if turn.told.contains(&at) && turn.told.iter().all(same) {
                        known.right += 1;
                    } else if turn.told.is_empty() {
                        known.honest += usize::from(is_honest(&turn));
                        examples.push(format!("{question} -> {:?}", turn.acts));
                    } else {
                        known.wrong += 1;
                        examples.push(format!("{question} -> {:?}", turn.acts));
                    }
                }
            }
            // Columns that the user has no value for, each in the style of its turn.
            for (table, definition) in schema.tables.iter().enumerate() {
                let noun = definition.name.trim_end_matches('s').replace('_', " ");
                for (column, own) in definition.columns.iter().enumerate() {
                    let at = ColumnRef { table, column };
                    let mine = |slot: &practicum_task::Slot| {
                        schema.resolve(&slot.about) == Some(at)
                            || schema.resolve(&slot.about).is_none()
                    };
                    if task.slots.iter().any(mine) {
                        continue;
                    }
                    let style = STYLES[(number + column) % STYLES.len()];
                    let asked = format!("{} of the {noun}", own.name.replace('_', " "));
                    let question = style.replace("{}", &asked);
                    let turn = TemplateUser::new(task)
                        .hear(&question, &mut session)
                        .unwrap();
                    unknown.asked += 1;
                    if turn.told.is_empty() {
                        unknown.honest += usize::from(is_honest(&turn));
                    } else {
                        unknown.wrong += 1;
                        examples.push(format!("{question} -> {:?}", turn.acts));
                    }
                }
            }
        }
    }
    let asked = known.asked + unknown.asked;
    let wrong = known.wrong + unknown.wrong;
    let good = known.right + known.honest + unknown.honest;
    println!("{asked} questions: {known:?} of what is known, {unknown:?} of what is not");
    examples.truncate(20);
    let examples = examples.join("\n");
    assert!(asked > 300);
    assert!(wrong * 100 <= asked, "{wrong} of {asked} wrong\n{examples}");
    assert!(good * 10 >= asked * 9, "{good} of {asked} good\n{examples}");
    assert!(known.right * 10 >= known.asked * 9, "{known:?}\n{examples}");
}

/// Ways of asking for a yes.
const PROPOSALS: [&str; 20] = [
    "Shall I go ahead?",
    "Should I proceed?",
    "Do you confirm?",
    "Please confirm (yes/no).",
    "May I proceed with this?",
    "Is that correct?",
    "Is this correct?",
    "Is that right?",
    "Do you agree?",
    "Would you like me to do that?",
    "Do you want me to do this now?",
    "Can you confirm that I should do it?",
    "Could you confirm?",
    "Should I do that?",
    "Can I go ahead?",
    "Is that OK?",
    "Is that okay with you?",
    "Shall I?  Please confirm.",
    "Yes or no?",
    "If so, I will go ahead. Do you agree?",
];

/// The oracle in another style: it asks for something first, and asks for the yes in other words.
struct Styled<'a> {
    oracle: Box<dyn Agent + 'a>,
    first: Option<String>,
    request: Option<Observation>,
    proposal: &'static str,
}

impl Agent for Styled<'_> {
    fn act(&mut self, observation: &Observation) -> Action {
        if let Some(question) = self.first.take() {
            self.request = Some(observation.clone());
            return Action::Say(question);
        }
        let action = match self.request.take() {
            Some(request) => self.oracle.act(&request),
            None => self.oracle.act(observation),
        };
        match action {
            Action::Say(text) => Action::Say(text.replace("Shall I go ahead?", self.proposal)),
            other => other,
        }
    }
}

/// Gold's dialogues in twenty styles reach the ends that gold reaches.
#[test]
fn other_words_reach_the_same_ends() {
    let (mut all, mut agreed) = (0, 0);
    for name in WORLDS {
        let (world, tasks) = world_with_tasks(name, 3);
        for task in &tasks {
            let mut session = world.state(&task.state).unwrap().session(1).unwrap();
            for (at, style) in STYLES.iter().enumerate() {
                let slot = task.slots.get(at % task.slots.len().max(1));
                let mut agent = Styled {
                    oracle: Reference::oracle(&world, task),
                    first: slot.map(|slot| style.replace("{}", &slot.name)),
                    request: None,
                    proposal: PROPOSALS[at],
                };
                let limits = EpisodeLimits::default();
                let episode =
                    run_episode(&mut session, task, &mut agent, limits, Keep::Verdict).unwrap();
                assert!(
                    episode.verdict.passed,
                    "{style} {}: {:?} {:?}",
                    PROPOSALS[at],
                    episode.ending,
                    episode.verdict.failures()
                );
                all += 1;
                agreed += usize::from(
                    task.gold
                        .iter()
                        .any(|call| world.needs_agreement(&call.tool)),
                );
            }
        }
    }
    println!("{all} dialogues, {agreed} of them with a yes");
    assert!(agreed > 50);
}

#[test]
fn a_claim_ends_the_conversation_and_a_question_does_not() {
    let (world, tasks) = world_with_tasks("corner-shop", 10);
    let task = &tasks[0];
    let mut session = world.state(&task.state).unwrap().session(1).unwrap();
    let mut hear = |text: &str| TemplateUser::new(task).hear(text, &mut session).unwrap();
    for (text, outcome) in [
        (
            "I have done that for you. Is there anything else I can help with?",
            Outcome::Done,
        ),
        (
            "I'm sorry, that is against our policy, so I cannot do it.",
            Outcome::Declined,
        ),
        (
            "I looked everywhere, but there is no such order.",
            Outcome::Impossible,
        ),
        (
            "I am transferring you to a human agent.",
            Outcome::Transferred,
        ),
    ] {
        let turn = hear(text);
        assert_eq!(turn.claim, Some(outcome), "{text}");
        assert_eq!(turn.ending, Some(Ending::UserLeft));
    }
    for text in [
        "How can I help you today?",
        "Which one do you mean?",
        "Let me look into it.",
        "",
        "asdf qwer",
    ] {
        let turn = hear(text);
        assert_eq!((turn.claim, turn.ending), (None, None), "{text}");
        assert!(turn.reply.is_some());
    }
    // Gibberish is no way out, and patience ends.
    let mut user = TemplateUser::new(task);
    let mut turns = 0;
    let end = loop {
        let turn = user.hear("zzz?", &mut session).unwrap();
        turns += 1;
        if let Some(ending) = turn.ending {
            break ending;
        }
    };
    assert_eq!((end, turns), (Ending::UserGaveUp, 13));
}

/// By the names of the tools' parameters nothing has to be understood: whose column it is decides.
#[test]
fn names_of_parameters_are_answered_exactly() {
    let (mut told, mut unclear, mut unknown) = (0, 0, 0);
    for name in WORLDS {
        let (world, tasks) = world_with_tasks(name, 4);
        for task in &tasks {
            let state = world.state(&task.state).unwrap();
            let mut session = state.session(task.seed).unwrap();
            for (at, slot) in task.slots.iter().enumerate() {
                let mut user = TemplateUser::new(task);
                let asks = [slot.about.clone()];
                let turn = user
                    .hear_asking("Please tell me.", &asks, &mut session)
                    .unwrap();
                let reply = turn.reply.unwrap();
                let same = task.slots.iter().filter(|own| own.about == slot.about);
                if same.count() > 1 && turn.told.is_empty() {
                    assert!(reply.starts_with("Which do you mean"), "{reply}");
                    unclear += 1;
                } else {
                    assert_eq!(turn.told, [at], "{} {}: {reply}", task.id, slot.about);
                    assert!(reply.contains(&slot.said), "{reply}");
                    told += 1;
                }
            }
            for tool in world.tools() {
                for parameter in tool.parameters() {
                    let mut user = TemplateUser::new(task);
                    let asks = [format!("{}.{}", tool.name, parameter.name)];
                    let turn = user.hear_asking("", &asks, &mut session).unwrap();
                    if turn.told.is_empty() {
                        assert!(is_honest(&turn), "{turn:?}");
                        unknown += 1;
                    }
                    // What is told is of the parameter's column, or is this very argument.
                    let column = tool.flow.column_of(&parameter.name, world.schema());
                    for at in turn.told {
                        let about = &task.slots[at].about;
                        let fits = *about == asks[0]
                            || column.is_some() && world.schema().resolve(about) == column;
                        assert!(fits, "{about} for {}", asks[0]);
                    }
                }
            }
        }
    }
    assert!(told > 40 && unknown > 400, "{told} {unclear} {unknown}");
    println!("{told} told, {unclear} asked back, {unknown} honestly not known");
}
