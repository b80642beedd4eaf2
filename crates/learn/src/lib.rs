//! Small models: load, train, generate, evaluate.

mod agent;
mod aliases;
mod arithmetic;
mod cache;
mod composed;
mod config;
mod demonstrate;
mod error;
mod evaluate;
mod folder;
mod form;
mod fused;
mod generate;
mod gguf;
mod guide;
mod model;
mod optimizer;
mod result_view;
mod rope;
mod tensors;
mod tokenizer;
mod trainer;

pub use agent::{Play, PlayOptions, Played, play};
pub use cache::Cache;
pub use config::ModelConfig;
pub use demonstrate::{Demonstration, Demonstrations, Length, demonstrate, with_wrong_turns};
pub use error::{LearnError, Result};
pub use evaluate::{Judged, Paired, Rate, paired, pass_hat, rate};
pub use folder::LanguageModel;
pub use form::{Conversation, FORM, Form, FormOptions};
pub use generate::{Request, WriteOptions, Written, write};
pub use guide::Guide;
pub use model::{Gradients, Loss, Model, Packed, Parameter, Target};
pub use optimizer::AdamOptions;
pub use tokenizer::Tokenizer;
pub use trainer::{Example, StepReport, TrainOptions, Trainer, pack};
