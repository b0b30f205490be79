//! The `Range` header as the download hosts honour it. (2)

/// What part of a file a request gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Range {
    /// All of it: no range was asked for, or one of a form that the hosts ignore.
    Whole,
    /// From `first` to `last`, both included.
    Part { first: u64, last: u64 },
    /// Nothing: the file ends before the range starts.
    Beyond,
}

impl Range {
    /// Reads a `Range` header for a file of `size` bytes. Suffix ranges and lists are ignored, as
    /// the hosts do; so is what RFC 9110 calls invalid.
    pub(super) fn parse(header: Option<&str>, size: u64) -> Self {
        let Some((first, last)) = header.and_then(bounds) else { return Self::Whole };
        match last {
            Some(last) if last < first => Self::Whole,
            _ if first >= size => Self::Beyond,
            last => Self::Part { first, last: last.unwrap_or(u64::MAX).min(size - 1) },
        }
    }
}

fn bounds(header: &str) -> Option<(u64, Option<u64>)> {
    let (unit, range) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let last = if last.is_empty() { None } else { Some(number(last)?) };
    Some((number(first)?, last))
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Section 2.
    #[test]
    fn absolute_ranges_are_honoured_and_cut_at_the_end_of_the_file() {
        let part = |first, last| Range::Part { first, last };
        assert_eq!(Range::parse(Some("bytes=0-1"), 10), part(0, 1));
        assert_eq!(Range::parse(Some("bytes=4-"), 10), part(4, 9));
        assert_eq!(Range::parse(Some("bytes=4-400"), 10), part(4, 9));
        assert_eq!(Range::parse(Some("bytes=10-"), 10), Range::Beyond);
        assert_eq!(Range::parse(Some("bytes=0-"), 0), Range::Beyond);
    }

    /// Section 2: the suffix form was ignored on personal; lists are unconfirmed.
    #[test]
    fn suffix_ranges_lists_and_nonsense_are_ignored() {
        for header in ["bytes=-5", "bytes=0-1,4-5", "bytes=5-4", "lines=0-1", "bytes=+1-2", "", "="]
        {
            assert_eq!(Range::parse(Some(header), 10), Range::Whole, "{header}");
        }
        assert_eq!(Range::parse(None, 10), Range::Whole);
    }

    proptest! {
        #[test]
        fn a_part_is_never_outside_the_file(
            text in "(bytes=)?[0-9+-]{0,25}-[0-9]{0,25}", size in any::<u64>(),
        ) {
            if let Range::Part { first, last } = Range::parse(Some(&text), size) {
                prop_assert!(first <= last && last < size);
            }
        }
    }
}
