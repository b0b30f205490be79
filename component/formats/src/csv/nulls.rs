//! Which texts stand for NULL.

/// The tokens that stand for NULL.
#[derive(Debug, Clone)]
pub(super) struct NullTokens {
    empty: bool,
    others: Vec<Vec<u8>>,
    /// The first bytes of the others.
    firsts: [bool; 256],
}

impl NullTokens {
    pub(super) fn new(tokens: &[String]) -> Self {
        let (empty, others): (Vec<_>, Vec<_>) =
            tokens.iter().map(|token| token.as_bytes().to_vec()).partition(Vec::is_empty);
        let mut firsts = [false; 256];
        others.iter().for_each(|token| firsts[usize::from(token[0])] = true);
        Self { empty: !empty.is_empty(), others, firsts }
    }

    /// Whether a text of a text column stands for NULL. The empty text in quotes is a text;
    /// any other token stands for NULL in quotes, too.
    #[inline]
    pub(super) fn is_null(&self, text: &[u8], quoted: bool) -> bool {
        if text.is_empty() { self.empty && !quoted } else { self.is_token(text) }
    }

    /// Whether a text is a token other than the empty one.
    #[inline]
    pub(super) fn is_token(&self, text: &[u8]) -> bool {
        self.may_begin(text) && self.others.iter().any(|token| token == text)
    }

    /// Whether such a token begins like this text.
    #[inline]
    pub(super) fn may_begin(&self, text: &[u8]) -> bool {
        text.first().is_some_and(|first| self.firsts[usize::from(*first)])
    }
}

#[cfg(test)]
mod tests {
    use super::NullTokens;

    #[test]
    fn an_empty_text_in_quotes_is_a_text_and_a_quoted_token_is_null() {
        let nulls = NullTokens::new(&[String::new(), "NA".into()]);
        assert!(nulls.is_null(b"", false) && !nulls.is_null(b"", true));
        assert!(nulls.is_null(b"NA", false) && nulls.is_null(b"NA", true));
        assert!(!nulls.is_null(b"na", false));
        assert!(!NullTokens::new(&["NA".into()]).is_null(b"", false));
    }
}
