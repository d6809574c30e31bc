//! What went wrong, the same for HTTP (RFC 9457) and for the command line.

use std::{borrow::Cow, fmt, io};

use serde::{Deserialize, Serialize};
use store::{AppendError, OpenError, ReadError};

use crate::folder::{DataFolder, HoldError, OwnLogError};

/// Something was refused or failed. The code is stable; the detail says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// A link to nothing: the code says it all.
    #[serde(rename = "type", default = "blank")]
    kind: Cow<'static, str>,
    /// The status on HTTP.
    pub status: u16,
    /// Stable: scripts may rely on it.
    pub code: Cow<'static, str>,
    /// The code in words.
    pub title: String,
    /// What happened and what to do.
    pub detail: String,
}

const fn blank() -> Cow<'static, str> {
    Cow::Borrowed("about:blank")
}

impl Problem {
    /// A problem with the status that HTTP shows.
    pub(crate) fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        let title = code.replace('_', " ");
        Self { kind: blank(), status, code: Cow::Borrowed(code), title, detail: detail.into() }
    }

    /// Wrong use of a command, or a wrong configuration.
    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self::new(400, "wrong_use", detail)
    }

    /// What is asked for is not there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "not_found", detail)
    }

    /// Something inside failed.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(500, "internal", detail)
    }

    /// The data folder cannot be used.
    pub(crate) fn folder(folder: &DataFolder, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            let detail = format!("{folder}: the disk is full ({error}); free some space, then start again");
            return Self::new(507, "disk_full", detail);
        }
        Self::new(500, "folder_unusable", format!("{folder}: {error}"))
    }

    /// The exit code of a command: 2 for wrong use or configuration, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self.code.as_ref(), "wrong_use" | "configuration") { 2 } else { 1 }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        Self::new(500, "log_unreadable", error.to_string())
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        match &error {
            AppendError::Stopped(_) => Self::new(503, "log_stopped", error.to_string()),
            AppendError::TooLarge { .. } => Self::new(413, "too_large", error.to_string()),
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match &error {
            OpenError::InUse { .. } | OpenError::BeingRead { .. } => {
                Self::new(409, "folder_in_use", error.to_string())
            }
            OpenError::Newer { .. } => Self::new(409, "newer_format", error.to_string()),
            OpenError::Older { .. } => Self::new(409, "older_format", error.to_string()),
            OpenError::Missing { .. } => Self::not_found(error.to_string()),
            OpenError::Io { .. } => Self::new(500, "folder_unusable", error.to_string()),
            OpenError::Read(_) => Self::new(500, "log_unreadable", error.to_string()),
        }
    }
}

impl From<OwnLogError> for Problem {
    fn from(error: OwnLogError) -> Self {
        match error {
            OwnLogError::Missing { .. } => Self::new(409, "log_missing", error.to_string()),
            OwnLogError::Foreign { .. } => Self::new(409, "log_foreign", error.to_string()),
            OwnLogError::NotGone { .. } => Self::new(409, "log_not_gone", error.to_string()),
            OwnLogError::Io { .. } => Self::new(500, "folder_unusable", error.to_string()),
            OwnLogError::Open(error) => error.into(),
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match &error {
            HoldError::InUse { .. } => Self::new(409, "folder_in_use", error.to_string()),
            HoldError::Io { folder, error } => Self::folder(folder, error),
        }
    }
}

impl From<runtime::system::StartError> for Problem {
    fn from(error: runtime::system::StartError) -> Self {
        Self::new(500, "not_started", error.to_string())
    }
}

impl From<views::OpenError> for Problem {
    fn from(error: views::OpenError) -> Self {
        Self::new(500, "views_unusable", error.to_string())
    }
}
