//! A code.

use identity::token;
use kernel::{Seams, Secret};

/// <https://www.crockford.com/base32.html>
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const CHARACTERS: u32 = 16;
const GROUP: usize = 4;

/// A recovery code, as it is shown: `7h3k-9m2p-x4qd-8rvz`.
pub type RecoveryCode = Secret<String>;

/// A fresh one.
pub(super) fn mint(seams: &Seams) -> RecoveryCode {
    let random = u128::from_be_bytes(seams.random());
    let digit = |index: u32| char::from(ALPHABET[(random >> (5 * index)) as usize % ALPHABET.len()]);
    let digits: Vec<char> = (0..CHARACTERS).map(digit).collect();
    let groups: Vec<String> = digits.chunks(GROUP).map(|group| group.iter().collect()).collect();
    Secret::new(groups.join("-"))
}

/// What is stored of it, however it is typed: case, spaces and hyphens do not count, nor does taking one character
/// for another that looks like it.
pub(super) fn hash(presented: &str) -> token::Hash {
    let meant = presented
        .chars()
        .filter(|character| !character.is_whitespace() && *character != '-')
        .map(|character| match character.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        });
    token::hash(&meant.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_eighty_bits_in_groups() {
        let seams = Seams::real();
        let one = mint(&seams);
        let text = one.expose();
        assert_eq!((text.len(), text.matches('-').count()), (19, 3), "{text}");
        assert!(
            text.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)),
            "{text}"
        );
        assert_ne!(text, mint(&seams).expose());
        // Every place takes every value: 5 bits in each of 16.
        let mut seen = vec![std::collections::HashSet::new(); 16];
        for _ in 0..1000 {
            let code = mint(&seams).expose().replace('-', "");
            for (place, character) in seen.iter_mut().zip(code.chars()) {
                place.insert(character);
            }
        }
        assert!(seen.iter().all(|place| place.len() == 32));
    }

    #[test]
    fn typing_it_otherwise_is_the_same() {
        let stored = hash("7h01-9m1p-x4qd-8rvz");
        for typed in [
            "7H01 9M1P X4QD 8RVZ",
            " 7hoi9mlpx4qd8rvz\n",
            "7hOL-9mIp-x4qd-8rvz",
        ] {
            assert_eq!(hash(typed), stored, "{typed}");
        }
        assert_ne!(hash("7h01-9m1p-x4qd-8rvy"), stored);
    }
}
