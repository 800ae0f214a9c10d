-- A wide table of a codebook scrolls in its place, by keyboard too.
function Table(shown)
  -- A list of pairs, because the order of a table's names changes from run to run.
  local said = {{"role", "region"}, {"aria-label", "Codes"}, {"tabindex", "0"}}
  return pandoc.Div(shown, pandoc.Attr("", {"scroll"}, said))
end
