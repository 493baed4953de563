"""EPCs: what a tag says, as values. GS1 EPC Tag Data Standard (TDS) 2.3, both directions."""

from wire.epc.cache import EpcCache
from wire.epc.decode import decode_epc
from wire.epc.encode import encode_epc, encode_sgtin96, encode_sgtin198
from wire.epc.keys import Sgtin
from wire.epc.prefix import CompanyPrefixes, air_mask, is_ours, is_ours_column
from wire.epc.reject import Reject, RejectCode
from wire.epc.tag_class import TagClass, classify, ghost_column, is_ghost
from wire.epc.tag_memory import decode_tag, decode_with_pc
from wire.epc.value import Epc
from wire.gs1.gtin import Gtin14, parse_gtin
from wire.limits import EPC_MAX_BITS

__all__ = [
    "EPC_MAX_BITS",
    "CompanyPrefixes",
    "Epc",
    "EpcCache",
    "Gtin14",
    "Reject",
    "RejectCode",
    "Sgtin",
    "TagClass",
    "air_mask",
    "classify",
    "decode_epc",
    "decode_tag",
    "decode_with_pc",
    "encode_epc",
    "encode_sgtin96",
    "encode_sgtin198",
    "ghost_column",
    "is_ghost",
    "is_ours",
    "is_ours_column",
    "parse_gtin",
]
