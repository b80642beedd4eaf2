//! What went wrong, whose mistake it was, and what to do next.

use std::fmt;

/// An error of a command.
#[derive(Debug)]
pub(crate) struct CommandError {
    /// The user's input or arguments are wrong: exit code 2, else 1.
    pub(crate) users: bool,
    /// What happened, and where.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
}

impl CommandError {
    /// The user's input or arguments are wrong.
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self {
            users: true,
            message: message.into(),
            hint: None,
        }
    }

    /// The work failed.
    pub(crate) fn work(message: impl Into<String>) -> Self {
        Self {
            users: false,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(formatter, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// The result of a command.
pub(crate) type Result<T> = std::result::Result<T, CommandError>;

/// A file or folder that the run cannot use.
pub(crate) fn io_error(path: &std::path::Path, error: &std::io::Error) -> CommandError {
    let users = matches!(
        error.kind(),
        std::io::ErrorKind::PermissionDenied
            | std::io::ErrorKind::NotFound
            | std::io::ErrorKind::ReadOnlyFilesystem
            | std::io::ErrorKind::NotADirectory
            | std::io::ErrorKind::AlreadyExists
            | std::io::ErrorKind::IsADirectory
    );
    let hint = match error.kind() {
        std::io::ErrorKind::StorageFull => {
            "free some space and run the same command again: it goes on where it stopped"
        }
        _ => "check that the folder exists and can be written, or choose another with --out",
    };
    CommandError {
        users,
        message: format!("cannot use {}: {error}", path.display()),
        hint: Some(hint.into()),
    }
}
