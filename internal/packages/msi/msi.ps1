$ErrorActionPreference = 'Stop'
[Console]::OutputEncoding = New-Object Text.UTF8Encoding $false
$installer = New-Object -ComObject WindowsInstaller.Installer

function Get($object, $name, $more) { $object.GetType().InvokeMember($name, 'GetProperty', $null, $object, $more) }
function Call($object, $name, $more) { $object.GetType().InvokeMember($name, 'InvokeMethod', $null, $object, $more) }
function Say { [Console]::WriteLine((($args | ForEach-Object { [string]$_ -replace '[\t\r\n]', ' ' }) -join [char]9)) }

# what a query of a package's own tables gives; nothing where it has no such table
function Rows($db, $table, $columns) {
  $view = Call $db 'OpenView' @(('SELECT `Name` FROM `_Tables` WHERE `Name` = ''{0}''' -f $table))
  [void](Call $view 'Execute' $null)
  $has = Call $view 'Fetch' $null
  [void](Call $view 'Close' $null)
  if (-not $has) { return }
  $names = ($columns | ForEach-Object { '`{0}`' -f $_ }) -join ', '
  $view = Call $db 'OpenView' @(('SELECT {0} FROM `{1}`' -f $names, $table))
  [void](Call $view 'Execute' $null)
  while ($row = Call $view 'Fetch' $null) { , @(1..$columns.Count | ForEach-Object { Get $row 'StringData' @($_) }) }
  [void](Call $view 'Close' $null)
}

# the processor that a package is for, as in x64
function Arch($path) {
  try { ([string](Get (Get $installer 'SummaryInformation' @($path, 0)) 'Property' @(7)) -split '[;,]')[0] } catch { '' }
}

function Long($name) { ($name -split '\|')[-1] }

# the products of the whole machine; 4: of no user
function Installed {
  foreach ($p in (Get $installer 'ProductsEx' @('', '', 4))) {
    $local = try { Get $p 'InstallProperty' @('LocalPackage') } catch { '' }
    $name = try { Get $p 'InstallProperty' @('InstalledProductName') } catch { Get $p 'InstallProperty' @('ProductName') }
    Say 'product' (Get $p 'ProductCode' $null) $name (Get $p 'InstallProperty' @('VersionString')) (Arch $local) (Get $p 'State' $null)
  }
  $key = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\InProgress'
  if (Test-Path $key) { Say 'suspended' (Get-ItemProperty $key).'(default)' }
}

# the products that a package of this family would replace
function Related($family) {
  foreach ($code in (Get $installer 'RelatedProducts' @($family))) { Say 'related' $code }
}

function Services($db) { foreach ($r in (Rows $db 'ServiceInstall' @('Name'))) { Say 'service' $r[0] } }

# a package that could be installed: where it would put its files is resolved
# by Windows Installer itself, which carries out nothing else of it
function Package($path) {
  [void]$installer.GetType().InvokeMember('UILevel', 'SetProperty', $null, $installer, @(2))
  $session = Call $installer 'OpenPackage' @($path, 1)
  foreach ($action in 'CostInitialize', 'FileCost', 'CostFinalize') { [void](Call $session 'DoAction' @($action)) }
  Say 'package' (Get $session 'Property' @('ProductCode')) (Get $session 'Property' @('ProductName')) (Get $session 'Property' @('ProductVersion')) (Arch $path) (Get $session 'Property' @('UpgradeCode'))
  $db = Get $session 'Database' $null
  $at = @{}
  foreach ($r in (Rows $db 'Component' @('Component', 'Directory_'))) { $at[$r[0]] = $r[1] }
  foreach ($r in (Rows $db 'File' @('Component_', 'FileName'))) {
    Say 'file' ([IO.Path]::Combine((Get $session 'TargetPath' @($at[$r[0]])), (Long $r[1])))
  }
  Services $db
}

# the files of an installed product, where they are
function Product($code) {
  $db = Call $installer 'OpenDatabase' @((Get $installer 'ProductInfo' @($code, 'LocalPackage')), 0)
  $at = @{}
  foreach ($r in (Rows $db 'Component' @('Component', 'ComponentId'))) {
    if ($r[1]) { $at[$r[0]] = try { [string](Get $installer 'ComponentPath' @($code, $r[1])) } catch { '' } }
  }
  foreach ($r in (Rows $db 'File' @('Component_', 'FileName'))) {
    $key = $at[$r[0]]
    if ($key -match '^[A-Za-z]:\\') { Say 'file' ([IO.Path]::Combine([IO.Path]::GetDirectoryName($key), (Long $r[1]))) }
    elseif ($key) { Say 'unknown' (Long $r[1]) }
  }
  Services $db
}

# who holds what only one installation at a time may have
function Busy {
  try { $mutex = [Threading.Mutex]::OpenExisting('Global\_MSIExecute') }
  catch [Threading.WaitHandleCannotBeOpenedException] { return }
  try { if ($mutex.WaitOne(0)) { $mutex.ReleaseMutex(); return } }
  catch [Threading.AbandonedMutexException] { $mutex.ReleaseMutex(); return }
  $first = Get-Process -Name msiexec -ErrorAction SilentlyContinue | Sort-Object StartTime | Select-Object -Last 1
  Say 'busy' $(if ($first) { $first.Id } else { 0 })
}
