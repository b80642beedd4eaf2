//! The benchmark's files in the user's checkout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use practicum_world::{LoadError, State, StateError, StateSpec};
use serde_json::Value;

use super::domain::Domain;
use super::import;
use super::task::Task;

/// The benchmark's data: the folder that holds one folder per domain.
#[derive(Debug, Clone)]
pub struct Benchmark {
    domains: PathBuf,
}

/// Why the benchmark's data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It is not there.
    #[error(
        "{} holds no tau2-bench data; name its checkout, or the folder that holds `domains`", .0.display()
    )]
    NotFound(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {message}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The domain's world is broken.
    #[error(transparent)]
    World(#[from] LoadError),
    /// The databases do not fit into the domain's world.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Benchmark {
    /// Finds the data below a folder: a checkout of the benchmark, its `data/tau2`, or its `domains`.
    ///
    /// # Errors
    /// When none of them is there.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        ["domains", "data/tau2/domains", "tau2/domains", ""]
            .iter()
            .map(|inner| folder.join(inner))
            .find(|path| {
                Domain::ALL
                    .iter()
                    .any(|domain| path.join(domain.name()).is_dir())
            })
            .map(|domains| Self { domains })
            .ok_or_else(|| DataError::NotFound(folder.to_path_buf()))
    }

    fn read(path: &Path) -> Result<String, DataError> {
        std::fs::read_to_string(path).map_err(|source| DataError::Read {
            path: path.to_path_buf(),
            source,
        })
    }

    fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, DataError> {
        serde_json::from_str(&Self::read(path)?).map_err(|error| DataError::Content {
            path: path.to_path_buf(),
            message: error.to_string(),
        })
    }

    fn toml(path: &Path) -> Result<Value, DataError> {
        let failed = |message: String| DataError::Content {
            path: path.to_path_buf(),
            message,
        };
        let table: toml::Table =
            toml::from_str(&Self::read(path)?).map_err(|error| failed(error.to_string()))?;
        serde_json::to_value(table).map_err(|error| failed(error.to_string()))
    }

    fn file(&self, domain: Domain, name: &str) -> PathBuf {
        self.domains.join(domain.name()).join(name)
    }

    /// All tasks of a domain, in the order of its file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tasks(&self, domain: Domain) -> Result<Vec<Task>, DataError> {
        Self::json(&self.file(domain, "tasks.json"))
    }

    /// All tasks of a domain as they stand in its file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn task_documents(&self, domain: Domain) -> Result<Vec<Value>, DataError> {
        Self::json(&self.file(domain, "tasks.json"))
    }

    /// The ids of the tasks of each split of a domain.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn splits(&self, domain: Domain) -> Result<BTreeMap<String, Vec<String>>, DataError> {
        Self::json(&self.file(domain, "split_tasks.json"))
    }

    /// What the domain's agent must obey.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn policy(&self, domain: Domain) -> Result<String, DataError> {
        if domain != Domain::Telecom {
            return Self::read(&self.file(domain, "policy.md"));
        }
        let main = Self::read(&self.file(domain, "main_policy.md"))?;
        let support = Self::read(&self.file(domain, "tech_support_manual.md"))?;
        Ok(telecom_policy(&main, &support))
    }

    /// The policy of a domain under the name that the benchmark gives it: `telecom-workflow` is telecom with
    /// its support manual as a workflow.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn policy_of(&self, domain: Domain, name: &str) -> Result<String, DataError> {
        if name != "telecom-workflow" {
            return self.policy(domain);
        }
        let main = Self::read(&self.file(domain, "main_policy.md"))?;
        let support = Self::read(&self.file(domain, "tech_support_workflow.md"))?;
        Ok(telecom_policy(&main, &support))
    }

    /// What every simulated user is told.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn guidelines(&self, with_tools: bool) -> Result<String, DataError> {
        let file = if with_tools {
            "simulation_guidelines_tools.md"
        } else {
            "simulation_guidelines.md"
        };
        let folder = self.domains.join("../user_simulator");
        Self::read(&folder.join(file))
    }

    /// The official program, where the data lie in a whole checkout.
    pub(crate) fn program(&self) -> Option<PathBuf> {
        let program = self.domains.join("../../../src/tau2");
        program.is_dir().then_some(program)
    }

    /// The domain's databases as they are: the agent's, and the user's where there is one.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn databases(&self, domain: Domain) -> Result<(Value, Option<Value>), DataError> {
        if domain == Domain::Telecom {
            let own = Self::toml(&self.file(domain, "db.toml"))?;
            let users = Self::toml(&self.file(domain, "user_db.toml"))?;
            return Ok((own, Some(users)));
        }
        Ok((Self::json(&self.file(domain, "db.json"))?, None))
    }

    /// The domain's databases as the initial state of its world.
    ///
    /// # Errors
    /// When a file cannot be read, or does not fit.
    pub fn state(&self, domain: Domain) -> Result<State, DataError> {
        let world = domain.world()?;
        let (own, users) = self.databases(domain)?;
        let rows =
            import::rows(domain, &own, users.as_ref()).map_err(|message| DataError::Content {
                path: self.domains.join(domain.name()),
                message,
            })?;
        Ok(world.state_with(&StateSpec::empty(), &rows)?)
    }
}

fn telecom_policy(main: &str, support: &str) -> String {
    format!(
        "<main_policy>\n{main}\n</main_policy>\n<tech_support_policy>\n{support}\n</tech_support_policy>"
    )
}
