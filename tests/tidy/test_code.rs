//! What only tests compile: told apart from the rest, and taken out of a file.

use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ImplItem, Item, Meta, Stmt, Token, TraitItem, punctuated::Punctuated};

/// Whether these attributes keep a piece of code out of every build but that of the tests.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => list.parse_args().is_ok_and(|meta| needs_tests(&meta)),
        Meta::Path(path) => path.is_ident("test"),
        _ => false,
    })
}

fn needs_tests(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => {
            let Ok(parts) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else { return false };
            if list.path.is_ident("all") {
                parts.iter().any(needs_tests)
            } else {
                list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(needs_tests)
            }
        }
        Meta::NameValue(_) => false,
    }
}

/// The file without its tests.
pub fn without_tests(mut file: syn::File) -> syn::File {
    Remover.visit_file_mut(&mut file);
    file
}

struct Remover;

impl VisitMut for Remover {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_for_tests(attributes_of(item)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_for_tests(attributes_of(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut syn::ItemImpl) {
        block.items.retain(|item| match item {
            ImplItem::Const(item) => !is_for_tests(&item.attrs),
            ImplItem::Fn(item) => !is_for_tests(&item.attrs),
            ImplItem::Type(item) => !is_for_tests(&item.attrs),
            ImplItem::Macro(item) => !is_for_tests(&item.attrs),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_item_trait_mut(&mut self, block: &mut syn::ItemTrait) {
        block.items.retain(|item| match item {
            TraitItem::Const(item) => !is_for_tests(&item.attrs),
            TraitItem::Fn(item) => !is_for_tests(&item.attrs),
            TraitItem::Type(item) => !is_for_tests(&item.attrs),
            TraitItem::Macro(item) => !is_for_tests(&item.attrs),
            _ => true,
        });
        visit_mut::visit_item_trait_mut(self, block);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| match statement {
            Stmt::Local(local) => !is_for_tests(&local.attrs),
            Stmt::Item(item) => !is_for_tests(attributes_of(item)),
            Stmt::Macro(call) => !is_for_tests(&call.attrs),
            Stmt::Expr(Expr::Block(block), _) => !is_for_tests(&block.attrs),
            Stmt::Expr(Expr::Call(call), _) => !is_for_tests(&call.attrs),
            Stmt::Expr(Expr::MethodCall(call), _) => !is_for_tests(&call.attrs),
            Stmt::Expr(Expr::Assign(assign), _) => !is_for_tests(&assign.attrs),
            _ => true,
        });
        visit_mut::visit_block_mut(self, block);
    }

    fn visit_fields_named_mut(&mut self, fields: &mut syn::FieldsNamed) {
        retain(&mut fields.named, |field| &field.attrs);
        visit_mut::visit_fields_named_mut(self, fields);
    }

    fn visit_item_enum_mut(&mut self, item: &mut syn::ItemEnum) {
        retain(&mut item.variants, |variant| &variant.attrs);
        visit_mut::visit_item_enum_mut(self, item);
    }

    fn visit_expr_struct_mut(&mut self, value: &mut syn::ExprStruct) {
        retain(&mut value.fields, |field| &field.attrs);
        visit_mut::visit_expr_struct_mut(self, value);
    }

    fn visit_expr_match_mut(&mut self, value: &mut syn::ExprMatch) {
        value.arms.retain(|arm| !is_for_tests(&arm.attrs));
        visit_mut::visit_expr_match_mut(self, value);
    }
}

fn retain<T>(list: &mut Punctuated<T, Token![,]>, attributes: impl Fn(&T) -> &Vec<Attribute>) {
    if list.iter().any(|one| is_for_tests(attributes(one))) {
        *list = std::mem::take(list).into_iter().filter(|one| !is_for_tests(attributes(one))).collect();
    }
}

pub fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;

    fn kept(code: &str) -> String {
        without_tests(syn::parse_str(code).expect("it is Rust")).to_token_stream().to_string()
    }

    #[test]
    fn an_item_for_tests_is_removed_and_what_follows_it_stays() {
        assert_eq!(kept("#[cfg(test)] mod tests; fn a() {}"), "fn a () { }");
        assert_eq!(kept("#[cfg(all(test, unix))] use a::b; #[test] fn c() {} fn d() {}"), "fn d () { }");
        assert_eq!(kept("mod a { #[cfg(test)] fn b() {} fn c() {} }"), "mod a { fn c () { } }");
        assert_eq!(kept("impl A { #[cfg(test)] fn b() {} fn c() {} }"), "impl A { fn c () { } }");
        assert_eq!(kept("fn a() { #[cfg(test)] b::c(); #[cfg(test)] let d = 1; e(); }"), "fn a () { e () ; }");
        assert_eq!(kept("struct A { #[cfg(test)] b: u8, c: u8 }"), "struct A { c : u8 }");
    }

    #[test]
    fn code_that_also_others_compile_stays() {
        for code in [
            "# [cfg (not (test))] fn a () { }",
            "# [cfg (any (test , unix))] fn a () { }",
            "# [cfg (feature = \"test\")] fn a () { }",
        ] {
            assert_eq!(kept(code), code);
        }
    }
}
