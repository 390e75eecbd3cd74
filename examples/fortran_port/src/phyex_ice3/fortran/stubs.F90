! The few modules that PHYEX takes from the libraries of its host models.

module parkind1
  implicit none
  integer, parameter :: jpim = selected_int_kind(9)
  integer, parameter :: jprb = kind(1.0) ! follows the flag that chooses the precision
  integer, parameter :: jprd = selected_real_kind(13, 300)
  integer, parameter :: jprm = selected_real_kind(6, 37)
end module parkind1

module yomhook ! profiling: off, and known to be off when PHYEX is compiled
  use parkind1, only: jphook => jprd
  implicit none
  logical, parameter :: lhook = .false.
contains
  subroutine dr_hook(name, switch, handle)
    character(len=*), intent(in) :: name
    integer, intent(in) :: switch
    real(jphook), intent(inout) :: handle
  end subroutine dr_hook
end module yomhook

module ec_lun
  implicit none
  integer, parameter :: nulout = 0 ! standard error
end module ec_lun

module namelist_mod ! the wrapper reads the namelists itself
  implicit none
contains
  subroutine posname(unit, name, status)
    integer, intent(in) :: unit
    character(len=*), intent(in) :: name
    integer, intent(out) :: status
    status = 1
  end subroutine posname
end module namelist_mod

module refusals ! what PHYEX refuses while it is being configured
  implicit none
  logical :: configuring = .false.
  integer :: refused = 0
end module refusals

subroutine abor1(text)
  use, intrinsic :: iso_c_binding, only: c_int
  use, intrinsic :: iso_fortran_env, only: error_unit
  use refusals, only: configuring, refused
  implicit none
  character(len=*), intent(in) :: text
  interface
    subroutine leave(status) bind(c, name='_exit')
      import :: c_int
      integer(c_int), value :: status
    end subroutine leave
  end interface
  refused = refused + 1
  if (configuring) return ! the caller of the library is told
  write (error_unit, '(2a)') 'PHYEX stops: ', text
  flush (error_unit)
  call leave(1_c_int)
end subroutine abor1
