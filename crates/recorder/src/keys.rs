//! Keys: the node's signature, its recovery identity, and what opens recordings.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::str::FromStr;

use age::secrecy::ExposeSecret;
use base64ct::{Base64, Encoding};
use ed25519_dalek::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::error::SealError;

/// The longest file of keys that is read.
const LONGEST_KEY_FILE: u64 = 64 * 1024;

/// The Ed25519 key with which a node signs what it recorded. It is wiped when dropped.
pub struct NodeKey(pub(crate) Box<SigningKey>);

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.public())
    }
}

/// A node's public key, in base64 where it is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePublicKey(pub(crate) VerifyingKey);

impl fmt::Display for NodePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64::encode_string(self.0.as_bytes()))
    }
}

impl FromStr for NodePublicKey {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let mut bytes = [0; 32];
        Base64::decode(text.trim(), &mut bytes)
            .ok()
            .filter(|decoded| decoded.len() == 32)
            .ok_or_else(|| SealError::Manifest("the node's key is none".to_owned()))?;
        VerifyingKey::from_bytes(&bytes)
            .map(Self)
            .map_err(|_| SealError::Manifest("the node's key is none".to_owned()))
    }
}

impl NodeKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<Self, SealError> {
        let mut seed = Zeroizing::new([0; 32]);
        random(seed.as_mut_slice())?;
        Ok(Self(Box::new(SigningKey::from_bytes(&seed))))
    }

    /// Reads the key from a file, which is made with mode 0600 where there is none.
    ///
    /// # Errors
    /// Others can read the file, or it holds no key; the disk refused.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        if let Some(text) = read_secret(path)? {
            let mut seed = Zeroizing::new([0; 32]);
            let decoded = Base64::decode(text.trim_ascii(), seed.as_mut_slice());
            if !decoded.is_ok_and(|decoded| decoded.len() == 32) {
                return Err(SealError::KeyFile(path.to_owned(), "holds no key of a node"));
            }
            return Ok(Self(Box::new(SigningKey::from_bytes(&seed))));
        }
        let key = Self::generate()?;
        let seed = Zeroizing::new(key.0.to_bytes());
        let mut text = Zeroizing::new([0; 44]);
        Base64::encode(seed.as_slice(), text.as_mut_slice()).map_err(|_| SealError::Encryption)?;
        write_secret(path, text.as_slice())?;
        Ok(key)
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> NodePublicKey {
        NodePublicKey(self.0.verifying_key())
    }
}

/// The age identity with which a node opens its own journals after a crash. It opens no finished recording.
pub struct RecoveryIdentity(Box<age::x25519::Identity>);

impl fmt::Debug for RecoveryIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecoveryIdentity({})", self.0.to_public())
    }
}

impl RecoveryIdentity {
    /// A new identity.
    #[must_use]
    pub fn generate() -> Self {
        Self(Box::new(age::x25519::Identity::generate()))
    }

    /// Reads the identity from a file as `age-keygen` writes it, which is made with mode 0600 where there is none.
    ///
    /// # Errors
    /// Others can read the file, or it holds no identity; the disk refused.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        if let Some(text) = read_secret(path)? {
            let wrong = || SealError::KeyFile(path.to_owned(), "holds no age identity");
            let text = std::str::from_utf8(&text).map_err(|_| wrong())?;
            return Self::from_text(text).ok_or_else(wrong);
        }
        let identity = Self::generate();
        write_secret(path, identity.0.to_string().expose_secret().as_bytes())?;
        Ok(identity)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1"))?;
        Some(Self(Box::new(line.trim_end().parse().ok()?)))
    }

    pub(crate) fn as_identity(&self) -> &dyn age::Identity {
        &*self.0
    }

    pub(crate) fn recipient(&self) -> age::x25519::Recipient {
        self.0.to_public()
    }
}

/// What opens recordings.
pub struct Identities(Vec<Box<dyn age::Identity + Send + Sync>>);

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

impl Identities {
    /// Reads identities from the text of a file: of `age-keygen`, or an SSH private key without a pass phrase.
    ///
    /// # Errors
    /// It holds no identity that can be used.
    pub fn parse(text: &[u8]) -> Result<Self, SealError> {
        if text.starts_with(b"-----BEGIN ") {
            let key = age::ssh::Identity::from_buffer(text, None).map_err(|_| SealError::Identity)?;
            return match key {
                age::ssh::Identity::Unencrypted(_) => Ok(Self(vec![Box::new(key)])),
                _ => Err(SealError::Identity),
            };
        }
        let file = age::IdentityFile::from_buffer(text).map_err(|_| SealError::Identity)?;
        let identities = file.into_identities().map_err(|_| SealError::Identity)?;
        if identities.is_empty() { Err(SealError::Identity) } else { Ok(Self(identities)) }
    }

    /// The identities, for whoever opens age files by the crate of that name.
    #[must_use]
    pub fn into_age(self) -> Vec<Box<dyn age::Identity + Send + Sync>> {
        self.0
    }

    /// The identities as `age` takes them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| &**identity as &dyn age::Identity)
    }
}

/// Opens an age file; what it says of a wrong key and of a wrong file is kept apart.
pub(crate) fn decrypt<'i, R: Read>(
    input: R,
    identities: impl Iterator<Item = &'i dyn age::Identity>,
) -> Result<age::stream::StreamReader<R>, SealError> {
    age::Decryptor::new(input).and_then(|file| file.decrypt(identities)).map_err(|error| match error {
        age::DecryptError::Io(error) => SealError::Io(error),
        age::DecryptError::NoMatchingKeys => SealError::WrongIdentity,
        _ => SealError::Encryption,
    })
}

pub(crate) fn random(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|error| SealError::Io(io::Error::other(error)))
}

/// The content of a key's file, or `None` where there is no file.
/// Reads 32 octets of a secret from a file, which is made of random ones with mode 0600 where there is none.
///
/// # Errors
/// Others can read the file, or it does not hold them; the disk or the system's randomness refused.
pub fn load_or_create_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let key = NodeKey::load_or_create(path)?;
    Ok(Zeroizing::new(key.0.to_bytes()))
}

fn read_secret(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, SealError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if metadata.mode() & 0o077 != 0 {
        return Err(SealError::KeyFile(path.to_owned(), "can be read by others: its mode must be 0600"));
    }
    if metadata.len() > LONGEST_KEY_FILE {
        return Err(SealError::KeyFile(path.to_owned(), "is too long"));
    }
    // Room for all of it and for what shows its end, so that no copy is left behind by growth.
    let room = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(64);
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    file.take(metadata.len()).read_to_end(&mut text)?;
    Ok(Some(text))
}

/// Writes a key's file so that after a crash it is whole or not there.
fn write_secret(path: &Path, text: &[u8]) -> Result<(), SealError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(text)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    // Another process may have been faster; its key stays.
    let linked = std::fs::hard_link(&partial, path);
    std::fs::remove_file(&partial)?;
    linked?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_and_read_by_their_owner_only() {
        let folder = std::env::temp_dir().join(format!("mediapoint-keys-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (node, recovery) = (folder.join("node"), folder.join("recovery"));
        let first = NodeKey::load_or_create(&node).unwrap().public();
        assert_eq!(NodeKey::load_or_create(&node).unwrap().public(), first);
        assert_eq!(first.to_string().parse::<NodePublicKey>().unwrap(), first);
        let identity = RecoveryIdentity::load_or_create(&recovery).unwrap();
        let again = RecoveryIdentity::load_or_create(&recovery).unwrap();
        assert_eq!(identity.recipient().to_string(), again.recipient().to_string());
        for path in [&node, &recovery] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
            fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
        }
        assert!(matches!(NodeKey::load_or_create(&node), Err(SealError::KeyFile(..))));
        assert!(matches!(RecoveryIdentity::load_or_create(&recovery), Err(SealError::KeyFile(..))));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing else is left");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn identities_that_are_none_are_refused() {
        assert!(Identities::parse(b"nonsense").is_err() && Identities::parse(b"").is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let identity = RecoveryIdentity::generate();
        let shown = format!("{identity:?} {:?}", NodeKey::generate().unwrap());
        assert!(shown.contains("age1") && !shown.contains("SECRET"), "{shown}");
    }
}
