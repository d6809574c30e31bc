//! What lets somebody in: one random text, made at first start, readable by its owner only.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
};

use store::plain;

use super::DataFolder;

const NAME: &str = "token";

/// The token. It has no text form of its own, so that it reaches no log by accident.
#[derive(Clone)]
pub(crate) struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(secret)")
    }
}

impl Token {
    /// The folder's token; made where there is none. One that others may read is closed to them, and told.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn load_or_make(folder: &DataFolder) -> io::Result<Self> {
        match Self::load(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(folder),
            Ok(token) => {
                let path = folder.path().join(NAME);
                if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
                    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
                    tracing::warn!(
                        "{} could be read by others; now only its owner may (0600). Delete it while nothing runs, and a \
                         new one is made",
                        path.display()
                    );
                }
                Ok(token)
            }
            Err(error) => Err(error),
        }
    }

    /// The folder's token.
    ///
    /// # Errors
    /// When there is none, or it may not be read.
    pub(crate) fn load(folder: &DataFolder) -> io::Result<Self> {
        let path = folder.path().join(NAME);
        let at_token = |error: io::Error| io::Error::new(error.kind(), format!("{NAME}: {error}"));
        let bytes = plain::read(&path).map_err(at_token)?;
        let text = String::from_utf8_lossy(&bytes);
        let token = text.trim();
        if token.len() < 32 {
            let message = format!("{} is damaged; delete it, a new one is made", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(Self(token.to_owned()))
    }

    fn make(folder: &DataFolder) -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        plain::write(&folder.path().join(NAME), format!("{token}\n").as_bytes())?;
        Ok(Self(token))
    }

    /// What goes into the header of a request.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether a header lets its sender in. Takes the same time wherever the first difference is.
    pub(crate) fn lets_in(&self, header: &[u8]) -> bool {
        // Digests have one length, and how much of them is equal tells nothing about the texts.
        blake3::hash(header) == blake3::hash(self.bearer().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_made_once_and_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::new(dir.path());
        let made = Token::load_or_make(&folder).unwrap();
        let again = Token::load_or_make(&folder).unwrap();
        assert_eq!(made.bearer(), again.bearer());
        let mode = fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{made:?}"), "Token(secret)");
    }

    #[test]
    fn a_token_that_others_may_read_is_closed_to_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::new(dir.path());
        let made = Token::load_or_make(&folder).unwrap();
        let path = dir.path().join(NAME);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Token::load_or_make(&folder).unwrap().bearer(), made.bearer());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn only_the_whole_header_lets_in() {
        let dir = tempfile::tempdir().unwrap();
        let token = Token::load_or_make(&DataFolder::new(dir.path())).unwrap();
        let bearer = token.bearer();
        assert!(token.lets_in(bearer.as_bytes()));
        for wrong in ["", "Bearer ", &bearer[..bearer.len() - 1], &bearer[7..]] {
            assert!(!token.lets_in(wrong.as_bytes()), "{wrong}");
        }
    }
}
