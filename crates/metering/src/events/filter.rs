//! What a closed generation has, in some bits for each event.

use fastbloom::BloomFilter;
use uuid::Uuid;

/// Of the keys that a generation does not have, so many are looked for in it all the same. Comes to 14 bits for each key
/// that it has.
const IN_VAIN: f64 = 0.001;

/// A Bloom filter over keys. These are digests, so that their first half is as good as any hash of them.
#[derive(Debug)]
pub(super) struct Filter(BloomFilter);

impl Filter {
    pub(super) fn of(keys: &[Uuid]) -> Self {
        let mut filter = BloomFilter::with_false_pos(IN_VAIN).expected_items(keys.len().max(1));
        for key in keys {
            filter.insert_hash(key.as_u64_pair().0);
        }
        Self(filter)
    }

    /// Never false of a key that it was made of.
    pub(super) fn may_have(&self, key: Uuid) -> bool {
        self.0.contains_hash(key.as_u64_pair().0)
    }

    /// As it is kept: how often it hashes, and its bits in words.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let words = self.0.as_slice().iter().flat_map(|word| word.to_le_bytes());
        self.0
            .num_hashes()
            .to_le_bytes()
            .into_iter()
            .chain(words)
            .collect()
    }

    /// What was kept; nothing where that is no filter.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (hashes, bits) = bytes.split_first_chunk()?;
        let (words, rest) = bits.as_chunks();
        if words.is_empty() || !rest.is_empty() {
            return None;
        }
        let words = words.iter().copied().map(u64::from_le_bytes).collect();
        Some(Self(
            BloomFilter::from_vec(words).hashes(u32::from_le_bytes(*hashes)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use kernel::TenantId;

    use super::super::candidate::digest;
    use super::*;

    #[test]
    fn knows_what_it_was_made_of_and_hardly_anything_else() {
        let key = |number: u32| digest(TenantId::from_uuid(Uuid::nil()), &[&number.to_string()]);
        let keys: Vec<Uuid> = (0..20_000).map(key).collect();
        let (inside, outside) = keys.split_at(10_000);
        let kept = Filter::of(inside).bytes();
        assert!((17_000..19_000).contains(&kept.len()), "{}", kept.len());
        let filter = Filter::read(&kept).expect("a filter");
        assert!(inside.iter().all(|key| filter.may_have(*key)));
        let in_vain = outside.iter().filter(|key| filter.may_have(**key)).count();
        assert!(in_vain < 30, "{in_vain}");
        assert!(!Filter::of(&[]).may_have(keys[0]));
    }

    #[test]
    fn what_is_no_filter_is_none() {
        for bytes in [&[][..], &[1, 0, 0], &[1, 0, 0, 0], &[1, 0, 0, 0, 7]] {
            assert!(Filter::read(bytes).is_none(), "{bytes:?}");
        }
    }
}
