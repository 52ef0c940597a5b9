use holdfast_access::{Permission, Permissions, RepositoryAction};

enum Harmless {}

impl RepositoryAction for Harmless {
    const SUFFICIENT: Permissions = Permissions::empty().with(Permission::Delete);
}

fn main() {}
