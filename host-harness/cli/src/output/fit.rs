//! How wide the columns of a table may be, so that its lines fit a terminal.

/// What a column wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// The width of its widest cell.
    pub(super) natural: usize,
    /// How it may be narrowed.
    pub(super) cut: Cut,
}

/// How far a column may be narrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// As far as it must.
    Text,
    /// Hardly: half a number is another number.
    Number,
    /// Not at all.
    Never,
}

/// The narrowest that a column of text becomes before columns are left out.
const NARROW_TEXT: usize = 8;

/// Numbers up to this width are shown whole.
const WHOLE_NUMBER: usize = 24;

/// What stands between two columns, and around all of them.
const BETWEEN: usize = 3;
const AROUND: usize = 2;

impl Wish {
    fn least(self) -> usize {
        match self.cut {
            Cut::Text => self.natural.min(NARROW_TEXT),
            Cut::Number => self.natural.min(WHOLE_NUMBER),
            Cut::Never => self.natural,
        }
    }
}

/// The widths of the columns that are shown: the first ones, all if they fit. Narrow columns keep
/// their width; the widest share what is left. What is never cut is not left out either: its lines
/// wrap.
pub(super) fn fit(wishes: &[Wish], terminal: usize) -> Vec<usize> {
    let kept = wishes.iter().rposition(|wish| wish.cut == Cut::Never).map_or(1, |last| last + 1);
    let mut shown = wishes.len();
    while shown > kept && room(shown, wishes.len(), terminal) < least(&wishes[..shown]) {
        shown -= 1;
    }
    let room = room(shown, wishes.len(), terminal);
    let wishes = &wishes[..shown];
    if room < least(wishes) && kept > 1 {
        // Lines wrap anyway.
        return wishes.iter().map(|wish| wish.natural).collect();
    }
    let mut left = room.saturating_sub(least(wishes));
    let mut widths: Vec<usize> = wishes.iter().map(|wish| wish.least()).collect();
    // One column of the terminal at a time to the narrowest that wants it: fair, and short enough.
    while left > 0 {
        let wanting = (0..shown).filter(|i| widths[*i] < wishes[*i].natural);
        let Some(narrowest) = wanting.min_by_key(|i| widths[*i]) else { break };
        widths[narrowest] += 1;
        left -= 1;
    }
    widths
}

/// The columns of the terminal that the cells may take; an ellipsis stands for columns left out.
fn room(shown: usize, all: usize, terminal: usize) -> usize {
    let ellipsis = if shown < all { BETWEEN + 1 } else { 0 };
    terminal.saturating_sub(AROUND + BETWEEN * shown.saturating_sub(1) + ellipsis)
}

fn least(wishes: &[Wish]) -> usize {
    wishes.iter().map(|wish| wish.least()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(natural: usize) -> Wish {
        Wish { natural, cut: Cut::Text }
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        assert_eq!(fit(&[text(5), text(60)], 80), [5, 60]);
        assert_eq!(fit(&[], 80), Vec::<usize>::new());
    }

    #[test]
    fn the_widest_columns_give_way_and_numbers_do_not() {
        let number = Wish { natural: 12, cut: Cut::Number };
        assert_eq!(fit(&[text(5), text(100), number, text(30)], 60), [5, 16, 12, 16]);
    }

    #[test]
    fn a_column_that_is_never_cut_takes_what_it_needs() {
        let never = Wish { natural: 120, cut: Cut::Never };
        assert_eq!(fit(&[never], 60), [120]);
        assert_eq!(fit(&[text(13), never, text(20)], 60), [13, 120]);
    }

    #[test]
    fn columns_that_cannot_fit_are_left_out_from_the_right() {
        let widths = fit(&[text(20); 10], 40);
        assert_eq!(widths.len(), 3);
        assert!(widths.iter().sum::<usize>() + 2 + 2 * 3 + 4 <= 40);
    }

    proptest! {
        #[test]
        fn lines_never_exceed_the_terminal_unless_one_column_must(
            naturals in proptest::collection::vec(0_usize..300, 1..30),
            terminal in 10_usize..250,
        ) {
            let wishes: Vec<_> = naturals.iter().map(|natural| text(*natural)).collect();
            let widths = fit(&wishes, terminal);
            let ellipsis = if widths.len() < wishes.len() { 4 } else { 0 };
            let line = widths.iter().sum::<usize>() + 2 + 3 * (widths.len() - 1) + ellipsis;
            prop_assert!(line <= terminal.max(NARROW_TEXT + 6), "{widths:?} in {terminal}");
        }
    }
}
