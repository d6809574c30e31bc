//! Files and folders of the data folder, made and opened with care: nothing is opened but a plain file, so nobody waits
//! for a pipe; what is made is its owner's alone, whatever the umask; and it is there after a power cut.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::fs::OFlags;

/// Whether a symbolic link may stand in the place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// It is no plain file.
    Refused,
    /// What it leads to is opened.
    Followed,
}

/// Opens a plain file, or makes one that only its owner may read.
///
/// # Errors
/// When the system refuses, or something else than a plain file is there.
pub fn open(path: &Path, options: &mut OpenOptions, links: Links) -> io::Result<File> {
    let no_links = if links == Links::Refused { OFlags::NOFOLLOW } else { OFlags::empty() };
    // Without waiting: the open of a pipe would wait for the other side.
    let flags = OFlags::NONBLOCK | no_links;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
    let opened = options.open(path).and_then(|file| Ok((file.metadata()?.is_file(), file)));
    match opened {
        Ok((true, file)) => Ok(file),
        Ok((false, _)) => Err(no_plain_file(path).unwrap_or_else(|| io::ErrorKind::InvalidInput.into())),
        Err(error) => Err(no_plain_file(path).filter(|_| links == Links::Refused).unwrap_or(error)),
    }
}

/// What is there instead of a plain file, if anything is.
fn no_plain_file(path: &Path) -> Option<io::Error> {
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    let kind = match kind {
        kind if kind.is_file() => return None,
        kind if kind.is_dir() => "folder",
        kind if kind.is_symlink() => "symbolic link",
        kind if kind.is_fifo() => "pipe",
        kind if kind.is_socket() => "socket",
        _ => "device",
    };
    let message = format!("a {kind} is there where a plain file belongs: put the right file back");
    Some(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Whether [`open`] refused because something else than a plain file is there.
#[must_use]
pub fn is_no_plain_file(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
}

/// Reads a plain file.
///
/// # Errors
/// See [`open`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut open(path, OpenOptions::new().read(true), Links::Refused)?, &mut bytes)?;
    Ok(bytes)
}

/// Writes a file so that it is there completely or not at all, also after a power cut.
///
/// # Errors
/// When the system refuses; the file that was there is kept then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = Path::new(&unfinished);
    let mut options = OpenOptions::new();
    let mut file = open(unfinished, options.write(true).create(true).truncate(true), Links::Refused)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    sync_folder(path.parent())
}

/// Makes a folder and those above it that are missing, durably, each its owner's alone.
///
/// # Errors
/// When the system refuses.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|folder| !folder.is_dir()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let made = missing.into_iter().filter(|made| !made.as_os_str().is_empty());
    made.map(Path::parent).try_for_each(sync_folder)
}

fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::PermissionsExt as _, fs::symlink, net::UnixListener};

    use super::*;

    #[test]
    fn what_is_no_plain_file_is_refused_at_once_by_its_kind() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("file"), b"kept").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink("/dev/zero", at("zeros")).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(fifo.success());
        for (name, kind) in
            [("folder", "folder"), ("link", "symbolic link"), ("socket", "socket"), ("pipe", "pipe")]
        {
            for write in [false, true] {
                let mut options = OpenOptions::new();
                let options = options.read(true).write(write).truncate(write);
                let told = open(&at(name), options, Links::Refused).unwrap_err();
                assert!(is_no_plain_file(&told) && told.to_string().contains(kind), "{name}: {told}");
            }
        }
        assert_eq!(fs::read(at("file")).unwrap(), b"kept", "nothing is emptied through a link");
        let followed = |name: &str| open(&at(name), OpenOptions::new().read(true), Links::Followed).map(drop);
        followed("link").unwrap();
        assert!(is_no_plain_file(&followed("zeros").unwrap_err()));
        assert_eq!(read(&at("nothing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        create_folder(&folder).unwrap();
        write(&folder.join("file"), b"text").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("file"))), (0o700, 0o600));
        assert_eq!(read(&folder.join("file")).unwrap(), b"text");
    }
}
