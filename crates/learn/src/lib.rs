//! Small models: load, train, generate, evaluate.

mod arithmetic;
mod cache;
mod composed;
mod config;
mod error;
mod folder;
mod fused;
mod generate;
mod gguf;
mod guide;
mod model;
mod optimizer;
mod rope;
mod tensors;
mod tokenizer;
mod trainer;

pub use cache::Cache;
pub use config::ModelConfig;
pub use error::{LearnError, Result};
pub use folder::LanguageModel;
pub use generate::{Request, WriteOptions, Written, write};
pub use guide::Guide;
pub use model::{Gradients, Loss, Model, Packed, Parameter, Target};
pub use optimizer::AdamOptions;
pub use tokenizer::Tokenizer;
pub use trainer::{Example, StepReport, TrainOptions, Trainer, pack};
