//! What lets somebody in: one random text, made at first start, readable by its owner only.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
};

use super::DataFolder;

const NAME: &str = "token";

/// The token. It has no text form of its own, so that it reaches no log by accident.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(secret)")
    }
}

impl Token {
    /// The folder's token; made where there is none.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn load_or_make(folder: &DataFolder) -> io::Result<Self> {
        match Self::load(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(folder),
            loaded => loaded,
        }
    }

    /// The folder's token.
    ///
    /// # Errors
    /// When there is none, or it may not be read.
    pub fn load(folder: &DataFolder) -> io::Result<Self> {
        let text = fs::read_to_string(folder.path().join(NAME))?;
        let token = text.trim();
        if token.len() < 32 {
            let path = folder.path().join(NAME);
            let message = format!("{} is damaged; delete it, a new one is made", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(Self(token.to_owned()))
    }

    fn make(folder: &DataFolder) -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let temporary = folder.path().join("token.new");
        let mut open = OpenOptions::new();
        let mut file = open.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        writeln!(file, "{token}")?;
        file.sync_all()?;
        fs::rename(temporary, folder.path().join(NAME))?;
        Ok(Self(token))
    }

    /// What goes into the header of a request.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether a header lets its sender in. Takes the same time wherever the first difference is.
    pub fn lets_in(&self, header: &[u8]) -> bool {
        // Digests have one length, and how much of them is equal tells nothing about the texts.
        blake3::hash(header) == blake3::hash(self.bearer().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
