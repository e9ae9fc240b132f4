-- Runs the setup of docs/editors.md in Neovim, with a table in nvim-dap's place, and
-- writes what nvim-dap would find in it.
local dap = { adapters = {}, configurations = {} }
package.preload['dap'] = function() return dap end
local ok, problem = pcall(dofile, vim.env.SETUP)
local out = assert(io.open(vim.env.OUT, 'w'))
out:write(vim.fn.json_encode(ok and dap or { problem = problem }))
out:close()
