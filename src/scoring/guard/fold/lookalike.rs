//! Look-alikes: letters of Latin, Cyrillic and Greek that people take for one another.

/// A script with look-alikes in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// a to z and what is made from them.
    Latin,
    /// Cyrillic.
    Cyrillic,
    /// Greek.
    Greek,
}

impl Script {
    /// The script of a letter, if it is one of the three.
    pub fn of(character: char) -> Option<Self> {
        match character {
            'a'..='z'
            | 'A'..='Z'
            | '\u{c0}'..='\u{24f}'
            | '\u{250}'..='\u{2af}'
            | '\u{1d00}'..='\u{1d25}' => Some(Self::Latin),
            '\u{1e00}'..='\u{1eff}' | '\u{1f150}'..='\u{1f189}' => Some(Self::Latin),
            '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' => Some(Self::Cyrillic),
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(Self::Greek),
            _ => None,
        }
    }
}

/// Latin, Cyrillic, Greek letters that look alike, in lower case; a space where a script has none.
///
/// A subset of the Unicode confusables (UTS 39) and what people use in their place.
const ALIKE: [(char, char, char); 25] = [
    ('a', '\u{430}', '\u{3b1}'),
    ('b', '\u{44c}', '\u{3b2}'),
    ('c', '\u{441}', '\u{3f2}'),
    ('d', '\u{501}', ' '),
    ('e', '\u{435}', '\u{3b5}'),
    ('g', '\u{581}', ' '),
    ('h', '\u{4bb}', ' '),
    ('i', '\u{456}', '\u{3b9}'),
    ('j', '\u{458}', '\u{3f3}'),
    ('k', '\u{43a}', '\u{3ba}'),
    ('l', '\u{4cf}', ' '),
    ('m', '\u{43c}', ' '),
    ('n', '\u{578}', '\u{3b7}'),
    ('o', '\u{43e}', '\u{3bf}'),
    ('p', '\u{440}', '\u{3c1}'),
    ('q', '\u{51b}', ' '),
    ('r', '\u{433}', ' '),
    ('s', '\u{455}', ' '),
    ('t', '\u{442}', '\u{3c4}'),
    ('u', '\u{57d}', '\u{3c5}'),
    ('v', '\u{475}', '\u{3bd}'),
    ('w', '\u{461}', '\u{3c9}'),
    ('x', '\u{445}', '\u{3c7}'),
    ('y', '\u{443}', '\u{3b3}'),
    ('z', ' ', '\u{3b6}'),
];

/// Letters of other blocks, and of the same, that are read as a letter of a to z.
const READ_AS: [(char, char); 48] = [
    ('\u{131}', 'i'),
    ('\u{142}', 'l'),
    ('\u{f8}', 'o'),
    ('\u{111}', 'd'),
    ('\u{127}', 'h'),
    ('\u{167}', 't'),
    ('\u{251}', 'a'),
    ('\u{253}', 'b'),
    ('\u{254}', 'o'),
    ('\u{255}', 'c'),
    ('\u{256}', 'd'),
    ('\u{257}', 'd'),
    ('\u{25b}', 'e'),
    ('\u{260}', 'g'),
    ('\u{261}', 'g'),
    ('\u{262}', 'g'),
    ('\u{266}', 'h'),
    ('\u{268}', 'i'),
    ('\u{269}', 'i'),
    ('\u{26a}', 'i'),
    ('\u{26b}', 'l'),
    ('\u{26d}', 'l'),
    ('\u{271}', 'm'),
    ('\u{272}', 'n'),
    ('\u{273}', 'n'),
    ('\u{274}', 'n'),
    ('\u{275}', 'o'),
    ('\u{280}', 'r'),
    ('\u{27c}', 'r'),
    ('\u{282}', 's'),
    ('\u{288}', 't'),
    ('\u{289}', 'u'),
    ('\u{28b}', 'v'),
    ('\u{28f}', 'y'),
    ('\u{290}', 'z'),
    ('\u{299}', 'b'),
    ('\u{29c}', 'h'),
    ('\u{29f}', 'l'),
    ('\u{1d00}', 'a'),
    ('\u{1d04}', 'c'),
    ('\u{1d05}', 'd'),
    ('\u{1d07}', 'e'),
    ('\u{1d0a}', 'j'),
    ('\u{1d0b}', 'k'),
    ('\u{1d0d}', 'm'),
    ('\u{1d0f}', 'o'),
    ('\u{1d18}', 'p'),
    ('\u{1d1b}', 't'),
];

/// The letter of `script` that `character`, a letter in lower case, looks like; itself if it is of the script already
/// or looks like none.
///
/// # Source
/// Confusables of UTS 39, the part between Latin, Cyrillic and Greek; safety-filter specification, section 1.3.
pub fn skeleton(character: char, script: Script) -> char {
    if character.is_ascii() && script == Script::Latin {
        return character;
    }
    let latin = to_latin(character);
    if script == Script::Latin {
        return latin.unwrap_or(character);
    }
    if Script::of(character) == Some(script) {
        return character;
    }
    let Some(latin) = latin else { return character };
    let Some(row) = ALIKE.iter().find(|row| row.0 == latin) else { return character };
    let found = if script == Script::Cyrillic { row.1 } else { row.2 };
    if found == ' ' { character } else { found }
}

/// The letter of a to z that the character, in lower case, looks like.
pub(super) fn to_latin(character: char) -> Option<char> {
    if character.is_ascii_lowercase() {
        return Some(character);
    }
    if character < '\u{f8}' {
        return None;
    }
    // White letters on black: NFKC leaves them.
    if let '\u{1f150}'..='\u{1f169}' | '\u{1f170}'..='\u{1f189}' = character {
        let place = (character as u32 - 0x1f150) % 0x20;
        return char::from_u32('a' as u32 + place);
    }
    let alike = ALIKE.iter().find(|row| row.1 == character || row.2 == character).map(|row| row.0);
    alike.or_else(|| READ_AS.iter().find(|row| row.0 == character).map(|row| row.1))
}

/// Whether the letter, in lower case, is one of the small or white capitals that only take the place of others.
pub(super) fn is_small_capital(character: char) -> bool {
    matches!(character,
        '\u{262}' | '\u{26a}' | '\u{274}' | '\u{280}' | '\u{28f}' | '\u{299}' | '\u{29c}' | '\u{29f}'
        | '\u{1d00}'..='\u{1d25}' | '\u{1f150}'..='\u{1f189}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same_letter() {
        for (latin, cyrillic, greek) in ALIKE {
            for (other, script) in [(cyrillic, Script::Cyrillic), (greek, Script::Greek)] {
                if other != ' ' {
                    assert_eq!(skeleton(other, Script::Latin), latin);
                    assert_eq!(skeleton(latin, script), other, "{latin}");
                }
            }
        }
        assert_eq!(skeleton('\u{1f172}', Script::Latin), 'c');
        assert_eq!(skeleton('\u{434}', Script::Latin), '\u{434}');
        assert_eq!(skeleton('z', Script::Cyrillic), 'z');
    }
}
