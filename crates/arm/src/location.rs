//! Locations: where a resource is. A plain name such as `westeurope` or `local`; which ones a server has is its own
//! business, not this module's.

use std::fmt;
use std::str::FromStr;

use crate::text::excerpt;

/// The most characters in a location's name: it must do as a replication's name too.
pub const MAX_CHARS: usize = 50;

/// A location by its normalised name: lower case, without spaces. `West Europe` reads as `westeurope`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(String);

/// Why a text is not a location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("location {} is not a name of 1 to {MAX_CHARS} letters and digits", excerpt(.input))]
pub struct Error {
    /// What was given.
    pub input: String,
}

/// Azure's regions by name and as people write them: clients find the name by the latter.
const REGIONS: &[(&str, &str)] = &[
    ("australiacentral", "Australia Central"),
    ("australiacentral2", "Australia Central 2"),
    ("australiaeast", "Australia East"),
    ("australiasoutheast", "Australia Southeast"),
    ("austriaeast", "Austria East"),
    ("belgiumcentral", "Belgium Central"),
    ("brazilsouth", "Brazil South"),
    ("brazilsoutheast", "Brazil Southeast"),
    ("canadacentral", "Canada Central"),
    ("canadaeast", "Canada East"),
    ("centralindia", "Central India"),
    ("centralus", "Central US"),
    ("chilecentral", "Chile Central"),
    ("chinaeast", "China East"),
    ("chinaeast2", "China East 2"),
    ("chinanorth", "China North"),
    ("chinanorth2", "China North 2"),
    ("chinanorth3", "China North 3"),
    ("eastasia", "East Asia"),
    ("eastus", "East US"),
    ("eastus2", "East US 2"),
    ("francecentral", "France Central"),
    ("francesouth", "France South"),
    ("germanynorth", "Germany North"),
    ("germanywestcentral", "Germany West Central"),
    ("indonesiacentral", "Indonesia Central"),
    ("israelcentral", "Israel Central"),
    ("italynorth", "Italy North"),
    ("japaneast", "Japan East"),
    ("japanwest", "Japan West"),
    ("koreacentral", "Korea Central"),
    ("koreasouth", "Korea South"),
    ("malaysiawest", "Malaysia West"),
    ("mexicocentral", "Mexico Central"),
    ("newzealandnorth", "New Zealand North"),
    ("northcentralus", "North Central US"),
    ("northeurope", "North Europe"),
    ("norwayeast", "Norway East"),
    ("norwaywest", "Norway West"),
    ("polandcentral", "Poland Central"),
    ("qatarcentral", "Qatar Central"),
    ("southafricanorth", "South Africa North"),
    ("southafricawest", "South Africa West"),
    ("southcentralus", "South Central US"),
    ("southeastasia", "Southeast Asia"),
    ("southindia", "South India"),
    ("spaincentral", "Spain Central"),
    ("swedencentral", "Sweden Central"),
    ("switzerlandnorth", "Switzerland North"),
    ("switzerlandwest", "Switzerland West"),
    ("uaecentral", "UAE Central"),
    ("uaenorth", "UAE North"),
    ("uksouth", "UK South"),
    ("ukwest", "UK West"),
    ("usgovarizona", "USGov Arizona"),
    ("usgovtexas", "USGov Texas"),
    ("usgovvirginia", "USGov Virginia"),
    ("westcentralus", "West Central US"),
    ("westeurope", "West Europe"),
    ("westindia", "West India"),
    ("westus", "West US"),
    ("westus2", "West US 2"),
    ("westus3", "West US 3"),
];

/// A location's name as people write it: that of Azure's region, or else the name with a capital letter.
#[must_use]
pub fn display_name(name: &str) -> String {
    if let Some((_, shown)) = REGIONS.iter().find(|(region, _)| *region == name) {
        return (*shown).to_owned();
    }
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

impl Location {
    /// The normalised name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(input: &str) -> Result<Self, Error> {
        let name: String = input
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_ascii_lowercase())
            .take(MAX_CHARS + 1)
            .collect();
        let is_name = (1..=MAX_CHARS).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
        if is_name {
            Ok(Self(name))
        } else {
            Err(Error {
                input: input.to_owned(),
            })
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

crate::text::serde_as_text!(Location);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_location_are_equal() {
        for text in ["westeurope", "West Europe", "WESTEUROPE", " west europe "] {
            assert_eq!(text.parse::<Location>().unwrap().as_str(), "westeurope");
        }
    }

    #[test]
    fn what_is_shown_reads_as_the_name() {
        for (name, shown) in REGIONS {
            assert_eq!(shown.parse::<Location>().unwrap().as_str(), *name);
            assert_eq!(display_name(name), *shown);
        }
        assert_eq!(display_name("local"), "Local");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            " ",
            "west-europe",
            "west/europe",
            "küste",
            &"a".repeat(MAX_CHARS + 1),
        ] {
            assert!(text.parse::<Location>().is_err(), "{text:?}");
        }
    }
}
